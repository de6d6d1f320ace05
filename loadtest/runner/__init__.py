"""Composition: starts the system under test and Locust as child processes, watches them, ends them."""

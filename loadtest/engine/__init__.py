"""Charge points in motion: one process emulates thousands of them on one event loop."""

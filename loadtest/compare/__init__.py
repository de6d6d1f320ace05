"""Runs held against runs: whether a difference is real, and whether it matters. Made from run records alone."""

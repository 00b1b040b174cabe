"""Validating a strategy across time."""

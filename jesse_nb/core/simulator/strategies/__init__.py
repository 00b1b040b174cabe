"""Strategies: found, read, hashed, known again, shipped."""

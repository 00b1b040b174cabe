"""Candles of a Jesse project's PostgreSQL."""

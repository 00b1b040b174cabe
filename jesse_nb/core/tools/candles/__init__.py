"""Candles: fetched, imported, checked, brought from a project."""

"""Runs that could have been."""

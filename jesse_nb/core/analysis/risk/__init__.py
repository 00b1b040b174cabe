"""Ratios of risk and return."""

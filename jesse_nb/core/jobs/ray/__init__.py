"""Simulations on a Ray cluster."""

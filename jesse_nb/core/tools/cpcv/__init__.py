"""Combinatorial purged cross-validation."""

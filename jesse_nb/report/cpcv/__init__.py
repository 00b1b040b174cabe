"""The report of a combinatorial purged cross-validation."""

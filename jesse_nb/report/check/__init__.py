"""The report on whether a strategy is sound."""

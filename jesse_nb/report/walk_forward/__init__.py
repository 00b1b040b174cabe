"""The report of a walk-forward."""

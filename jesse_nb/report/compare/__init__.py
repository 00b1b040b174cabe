"""The report of a comparison of results."""

"""The drawer of the comparison of results."""

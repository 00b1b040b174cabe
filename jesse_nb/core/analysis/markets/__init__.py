"""Numbers of several markets or results together: correlation, allocation, regimes."""

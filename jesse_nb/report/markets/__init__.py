"""Reports of the tools that look at several markets or results together."""

"""Reports of the risk tools."""

"""Reports of pairs."""

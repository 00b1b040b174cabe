"""The report of an optimization, and of sealed days that were opened."""

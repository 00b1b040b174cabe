"""A tool as somebody would add it: one declaration, and one drawer for its function, result and report."""

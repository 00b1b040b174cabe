"""Finished runs simulated again, as they were or with something changed."""

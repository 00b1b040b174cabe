"""Reading what a result really says."""

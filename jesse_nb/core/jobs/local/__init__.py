"""Workers on this machine: one process each, and who looks after them."""

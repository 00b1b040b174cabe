"""Series in pieces, so that a long one takes no more memory than a short one."""

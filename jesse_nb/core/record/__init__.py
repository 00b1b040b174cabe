"""The research record: whole results as typed data in files, found again by name and key."""

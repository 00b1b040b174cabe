"""What one simulation is, what it needs, and how it runs."""

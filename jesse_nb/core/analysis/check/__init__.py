"""What the observed runs of a strategy's check say: orders and steps compared."""

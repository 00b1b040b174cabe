"""Tools that look at several markets or results together."""

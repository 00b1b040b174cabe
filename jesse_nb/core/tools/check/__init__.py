"""Is a strategy sound? Its orders looked at before anyone believes its results."""

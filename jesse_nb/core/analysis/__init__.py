"""Numbers from results: pure functions over results, arrays and frames, without I/O."""

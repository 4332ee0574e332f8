"""Foreign keys that are checked before the commit, not by the engine."""

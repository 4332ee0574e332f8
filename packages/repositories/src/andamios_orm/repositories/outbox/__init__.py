"""Events that are stored with a change, and delivered after its commit."""

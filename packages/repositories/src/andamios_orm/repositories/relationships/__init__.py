"""What is written together with an object: its parts, and what it is related to."""

"""What holds for every operation of a repository."""

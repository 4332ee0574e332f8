"""Rows of a query, a file or an Arrow table, merged by one statement."""

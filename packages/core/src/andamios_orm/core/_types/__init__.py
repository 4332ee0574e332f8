"""DuckDB's types, by kind: scalars, JSON documents and nested values."""

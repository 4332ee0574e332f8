"""Functions of Python in SQL: ``@sql_function`` makes one that a query may call."""

from andamios_orm.queries.functions.calls import SQLFunction, sql_function

__all__ = ["SQLFunction", "sql_function"]

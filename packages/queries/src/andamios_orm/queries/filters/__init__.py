"""Filters of one model: built call by call, or read from what comes from outside."""

from andamios_orm.queries.filters.filter_builder import FilterBuilder

__all__ = ["FilterBuilder"]

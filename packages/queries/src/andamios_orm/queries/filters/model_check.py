"""Check that a filter is used in a query about its own model."""

from __future__ import annotations

from typing import Any

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.scope import Scope

__all__ = ["check_model"]


def check_model(scope: Scope, model: type[Any]) -> None:
    """Refuse a scope whose names are those of another model; one of rows without an object passes.

    Raises:
        ConfigurationError: They are.
    """
    if scope.entity is None:
        return
    queried = scope.mapper.class_
    if not issubclass(queried, model):
        raise ConfigurationError(
            f"this filter is about {model.__name__}, and the query about {queried.__name__}: use a filter of "
            f"{queried.__name__}, or name fields over a relationship, as in Q(relationship__field=...)"
        )

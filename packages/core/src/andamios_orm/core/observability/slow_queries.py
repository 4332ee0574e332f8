"""Log the statements that take long."""

from __future__ import annotations

import logging
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from andamios_orm.core.arguments import engine_of, seconds
from andamios_orm.core.observability.logs import get_logger
from andamios_orm.core.observability.observation import Execution, StatementObserver
from andamios_orm.core.observability.statements import without_literals

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["SlowQueryLog"]

_logger = get_logger("query")

_repr = Repr()
_repr.maxstring = _repr.maxother = 200
_repr.maxlist = _repr.maxtuple = _repr.maxdict = 20


class SlowQueryLog:
    """Log each statement of an engine that takes long, from now until `close`.

    It is a warning of the logger ``andamios_orm.core.query``, with the fields ``statement``, ``duration``
    (seconds), ``rows`` and, where it failed, ``error``. All other statements are logged at the level DEBUG.

    Args:
        engine: The engine.
        threshold: Seconds from which on a statement takes long.
        show_parameters: Whether values are shown, of parameters and in the text. They may be anybody's data.

    Raises:
        ConfigurationError: ``engine`` is no engine, or ``threshold`` no number of seconds.
    """

    def __init__(self, engine: AsyncEngine, threshold: float = 0.5, *, show_parameters: bool = False) -> None:
        self._threshold = seconds("threshold", threshold)
        self._show_parameters = show_parameters
        self._backend = engine_of(engine, type(self).__name__).dialect.name
        self._observer = StatementObserver(engine, self._finished)

    def close(self) -> None:
        """Stop logging; a second call does nothing."""
        self._observer.close()

    def _finished(self, execution: Execution) -> None:
        slow = execution.seconds >= self._threshold
        level = logging.WARNING if slow else logging.DEBUG
        if _logger.isEnabledFor(level):
            _logger.log(level, "slow query" if slow else "query", extra=self._fields(execution))

    def _fields(self, execution: Execution) -> dict[str, Any]:
        fields: dict[str, Any] = {"duration": round(execution.seconds, 6), "rows": execution.rows}
        if self._show_parameters:
            fields["statement"] = execution.text
            fields["parameters"] = _repr.repr(execution.parameters)
        else:
            fields["statement"] = without_literals(execution.text, self._backend)
        if execution.error is not None:
            fields["error"] = type(execution.error).__name__
        return fields

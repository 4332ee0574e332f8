"""Log in a structured way, on the standard library's logging.

A part of this package logs under ``andamios_orm.core.`` and its name: query, transactions and so on. What it
has to say travels as fields of the record (``extra``), so any handler can take it. `configure_logging`
installs one that writes JSON with the keys that structlog uses.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from json import dumps
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.observability.redaction import redacted, redacted_field, redacted_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "JSONFormatter",
    "RedactingFilter",
    "configure_logging",
    "correlation_id",
    "current_correlation_id",
    "get_logger",
]

_FAMILY = "andamios_orm"
_CORE = f"{_FAMILY}.core"

# The prefix makes structlog's merge_contextvars find it.
_correlation_id: ContextVar[str] = ContextVar("structlog_correlation_id")

_POOL = f"{_CORE}.dialect.pool"
"""The pool's logger is SQLAlchemy's, which names it for the class."""

_PARTS = {
    **{
        name: f"{_CORE}.{name}"
        for name in ("cache", "commits", "events", "progress", "query", "transactions")
    },
    "pool": _POOL,
}
"""The parts of core that log, and the loggers they have."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The fields that every record has; all others came with ``extra``."""


def get_logger(subsystem: str) -> logging.Logger:
    """Return the logger of a part of core, whose records hold the correlation id and no credential.

    Args:
        subsystem: Its name, such as ``query``.
    """
    logger = logging.getLogger(f"{_CORE}.{subsystem}")
    if not any(isinstance(present, RedactingFilter) for present in logger.filters):
        logger.addFilter(RedactingFilter())
    return logger


@contextmanager
def correlation_id(value: str | None = None) -> Iterator[str]:
    """Mark what is logged inside of the ``with``, by this task and those that it starts, with one id.

    Args:
        value: The id, such as the one that came with a request; by default a new one.
    """
    chosen = value or uuid4().hex
    token = _correlation_id.set(chosen)
    try:
        yield chosen
    finally:
        _correlation_id.reset(token)


def current_correlation_id() -> str | None:
    """Return the id of the innermost `correlation_id`; None outside of any."""
    return _correlation_id.get(None)


def configure_logging(
    level: str | int = "INFO",
    *,
    levels: Mapping[str, str | int] | None = None,
    json: bool = True,
    stream: IO[str] | None = None,
) -> logging.Handler:
    """Write what the family logs to a stream, a line for each record; other loggers are left alone.

    A second call replaces the first. A program that has its own handlers does without, and may add
    `RedactingFilter` and `JSONFormatter` to them.

    Args:
        level: The lowest level that is written; of what the pool does, warnings and worse.
        levels: Level of each part of core that has its own, as in ``{"query": "DEBUG"}``. The parts are
            cache, commits, events, pool, progress, query and transactions.
        json: Whether a line is a JSON object; else it is text for people.
        stream: Where to; by default standard error.

    Returns:
        The handler that writes; to close it undoes everything.

    Raises:
        ConfigurationError: There is no such level or part, or ``stream`` is nothing to write to.
    """
    numbers = _numbers(level, levels)
    if stream is not None and not hasattr(stream, "write"):
        raise ConfigurationError(f"stream is an open file, such as sys.stdout, not {stream!r}")
    for present in list(logging.getLogger(_FAMILY).handlers):
        if isinstance(present, _FamilyHandler):
            present.close()
    handler = _FamilyHandler(numbers, stream)
    handler.addFilter(RedactingFilter())
    handler.setFormatter(JSONFormatter() if json else _TextFormatter())
    return handler


class RedactingFilter(logging.Filter):
    """Put the correlation id on each record, and take credentials and parameters of statements out of it.

    They are looked for in its message, its fields and its traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it pass."""
        current = current_correlation_id()
        if current is not None and not hasattr(record, "correlation_id"):
            record.correlation_id = current
        with suppress(TypeError, ValueError, LookupError):
            # The handler complains about a message that does not fit its arguments.
            record.msg, record.args = redacted_text(record.getMessage()), None
        for name, value in _extra(record).items():
            setattr(record, name, redacted_field(name, value))
        if record.stack_info:
            record.stack_info = redacted_text(record.stack_info)
        if record.exc_info:
            self._redact_traceback(record)
        return True

    def _redact_traceback(self, record: logging.LogRecord) -> None:
        text = record.exc_text or _formatter.formatException(record.exc_info)  # type: ignore[arg-type] # logging made a tuple of it
        record.exc_text = redacted_text(text)
        if record.exc_text != text:
            # Another handler that formats the exception once more would show what was taken out.
            record.exc_info = None


class JSONFormatter(logging.Formatter):
    """Make one line of JSON of a record: event, level, timestamp (UTC), logger, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return dumps(_fields(record), default=_text)


class _TextFormatter(logging.Formatter):
    """Make one line for people, and what lines a traceback takes."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        # A message may repeat input with line breaks, and a line of that could pass for a record.
        fields["event"] = " ".join(fields["event"].splitlines())
        head = [str(fields.pop(name)) for name in ("timestamp", "level", "logger", "event")]
        tail = [str(fields.pop(name)) for name in ("exception", "stack") if name in fields]
        extra = [f"{name}={dumps(value, default=_text)}" for name, value in fields.items()]
        return "\n".join([" ".join([*head, *extra]), *tail])


class _FamilyHandler(logging.StreamHandler[IO[str]]):
    """Write what the family logs, until it is closed.

    Args:
        levels: Name of each logger whose level is set meanwhile, and the level.
        stream: Where to.
    """

    def __init__(self, levels: Mapping[str, int], stream: IO[str] | None) -> None:
        super().__init__(sys.stderr if stream is None else stream)
        self._family = logging.getLogger(_FAMILY)
        self._levels = levels
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        self._family.addHandler(self)
        # The root's handlers would write each line once more.
        self._family.propagate = False

    def close(self) -> None:
        if self in self._family.handlers:
            self._family.removeHandler(self)
            self._family.propagate = True
            for name in self._levels:
                logging.getLogger(name).setLevel(logging.NOTSET)
        super().close()


_formatter = logging.Formatter()


def _numbers(level: str | int, levels: Mapping[str, str | int] | None) -> dict[str, int]:
    # The level of each logger that has one of its own.
    number = _level(level)
    numbers = {_FAMILY: number, _POOL: max(number, logging.WARNING)}
    for part, own in dict(levels or {}).items():
        if part not in _PARTS:
            raise ConfigurationError(f"no part called {part!r} logs: use one of {', '.join(sorted(_PARTS))}")
        numbers[_PARTS[part]] = _level(own)
    return numbers


def _level(level: object) -> int:
    number = logging.getLevelNamesMapping().get(level.upper()) if isinstance(level, str) else level
    if not isinstance(number, int) or isinstance(number, bool):
        names = ", ".join(logging.getLevelNamesMapping())
        raise ConfigurationError(f"there is no level {level!r} of logging: use one of {names}")
    return number


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
    head: dict[str, Any] = {
        "event": record.getMessage(),
        "level": record.levelname.lower(),
        "timestamp": time.replace("+00:00", "Z"),
        "logger": record.name,
    }
    fields = head | _extra(record) | head
    if record.exc_info or record.exc_text:
        fields["exception"] = record.exc_text or _formatter.formatException(record.exc_info)  # type: ignore[arg-type] # logging made a tuple of it
    if record.stack_info:
        fields["stack"] = record.stack_info
    return fields


def _text(value: object) -> Any:
    return redacted(str(value))

"""Count what an engine does: statements, connections, conflicts and retries."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from andamios_orm.core.arguments import engine_of, seconds
from andamios_orm.core.connections import ConnectionManager, PoolStatistics
from andamios_orm.core.errors import ConfigurationError, PoolTimeoutError, TransactionConflictError
from andamios_orm.core.observability.distributions import Distribution, Gathering
from andamios_orm.core.observability.observation import (
    AcquisitionObserver,
    Execution,
    StatementObserver,
    database_name,
)
from andamios_orm.core.observability.prometheus import exposition
from andamios_orm.core.observability.statements import Kind, Statement, statement_of

if TYPE_CHECKING:
    from rich.table import Table
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.sql import ClauseElement

__all__ = ["MetricsCollector", "MetricsSnapshot", "StatementMetrics"]

_SERIES = 1_000
"""How many kinds, tables and outcomes are counted apart; beyond that, tables are counted together."""

_OTHER_TABLES = "(other)"
_COLUMNS = ("kind", "table", "outcome", "count", "mean ms", "p50 ms", "p99 ms")


@dataclass(frozen=True)
class StatementMetrics:
    """The statements of one kind, on one table, with one outcome.

    Attributes:
        kind: What they do.
        table: The first table that they name; empty where it is not known, ``(other)`` of too many.
        outcome: ``ok``, or the name of the error's class.
        durations: How long they took, their rows included unless they were streamed.
    """

    kind: Kind
    table: str
    outcome: str
    durations: Distribution


@dataclass(frozen=True)
class MetricsSnapshot:
    """What a `MetricsCollector` has counted up to one moment; prints as a table.

    Attributes:
        database: Name of the database.
        statements: One entry for each kind, table and outcome, those that took most time first.
        acquisitions: How long connections were waited for that were lent.
        acquisition_timeouts: How often no connection became free in time.
        conflicts: How many transactions failed because of another one.
        retries: How many units of work were run once more.
        pool: What the pool holds; None where it keeps no queue and nothing was tracked.
    """

    database: str
    statements: tuple[StatementMetrics, ...]
    acquisitions: Distribution
    acquisition_timeouts: int
    conflicts: int
    retries: int
    pool: PoolStatistics | None

    def __str__(self) -> str:
        rows = [_COLUMNS, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(_padded, row, widths, _ALIGNED)).rstrip() for row in rows]
        return "\n".join([f"database {self.database}", *lines, *self._notes()])

    def __rich__(self) -> Table:
        """Return a table for ``rich.print``."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"database {self.database}", caption="\n".join(self._notes()))
        for name, align in zip(_COLUMNS, _ALIGNED, strict=True):
            table.add_column(name, justify="right" if align == ">" else "left")
        for row in self._rows():
            table.add_row(*map(Text, row))
        return table

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                entry.kind,
                entry.table or "-",
                entry.outcome,
                str(entry.durations.count),
                *map(_milliseconds, (entry.durations.mean, *_medians(entry.durations))),
            )
            for entry in self.statements
        ]

    def _notes(self) -> list[str]:
        p50, p99 = map(_milliseconds, _medians(self.acquisitions))
        pool = "" if self.pool is None else f", {self.pool.in_use} in use, {self.pool.waiting} waiting"
        return [
            f"connections: {self.acquisitions.count} lent (p50 {p50} ms, p99 {p99} ms), "
            f"{self.acquisition_timeouts} timeouts{pool}",
            f"transactions: {self.conflicts} conflicts, {self.retries} retries",
        ]


_ALIGNED = ("<", "<", "<", ">", ">", ">", ">")


def _padded(text: str, width: int, align: str) -> str:
    return f"{text:{align}{width}}"


def _medians(durations: Distribution) -> tuple[float, float]:
    return durations.quantile(0.5), durations.quantile(0.99)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


class MetricsCollector:
    """Count the statements, connections, conflicts and retries of one engine, from now until `close`.

    It costs a few microseconds for each statement; an engine without one pays nothing. What it holds is
    bounded. Everything is counted on the engine's event loop; a snapshot may be taken in any thread.

    Args:
        engine: The engine.
        name: What to call its database; by default what the URL says.

    Raises:
        ConfigurationError: ``engine`` is no engine.
    """

    def __init__(self, engine: AsyncEngine, *, name: str | None = None) -> None:
        self._engine = engine_of(engine, type(self).__name__)
        self.name = name or database_name(engine)
        self._durations: dict[tuple[Kind, str, str], Gathering] = {}
        self._acquisitions = Gathering()
        self._timeouts = self._conflicts = self._retries = 0
        self._tracked: PoolStatistics | None = None
        self._statement_observer = StatementObserver(engine, self._finished, self._failed)
        self._acquisition_observer = AcquisitionObserver(engine, self._acquired)

    def close(self) -> None:
        """Stop counting; what was counted stays."""
        self._statement_observer.close()
        self._acquisition_observer.close()

    def track_query_performance(
        self, query: str | ClauseElement, duration: float, *, error: BaseException | None = None
    ) -> None:
        """Count one statement by hand, such as one that was run past the engine.

        Args:
            query: The statement, as text or as SQLAlchemy's object.
            duration: Seconds that it took.
            error: What it failed with, if it did.

        Raises:
            ConfigurationError: ``duration`` is no number of seconds.
        """
        self._count(statement_of(query), seconds("duration", duration), error)

    def track_connection_usage(self, pool_stats: PoolStatistics) -> None:
        """Note what a pool holds, for an engine whose own pool cannot be asked.

        Args:
            pool_stats: What `ConnectionManager.statistics` returned.

        Raises:
            ConfigurationError: It is something else.
        """
        if not isinstance(pool_stats, PoolStatistics):
            kind = type(pool_stats).__name__
            raise ConfigurationError(
                f"pool_stats is what ConnectionManager.statistics() returns, not a {kind}"
            )
        self._tracked = pool_stats

    def count_retry(self, failure: BaseException | None = None) -> None:
        """Count a unit of work that is run once more; serves as ``on_retry`` of a `TransactionManager`.

        Args:
            failure: What made it necessary.
        """
        self._retries += 1

    def snapshot(self) -> MetricsSnapshot:
        """Return everything that was counted so far."""
        with suppress(ConfigurationError):
            self.track_connection_usage(ConnectionManager(self._engine).statistics())
        statements = [
            StatementMetrics(*key, gathered.distribution())
            for key, gathered in tuple(self._durations.items())
        ]
        return MetricsSnapshot(
            database=self.name,
            statements=tuple(sorted(statements, key=lambda entry: -entry.durations.total)),
            acquisitions=self._acquisitions.distribution(),
            acquisition_timeouts=self._timeouts,
            conflicts=self._conflicts,
            retries=self._retries,
            pool=self._tracked,
        )

    def prometheus(self) -> str:
        """Return everything that was counted so far as Prometheus reads it.

        To serve it from a registry, use `PrometheusCollector`.

        Raises:
            ConfigurationError: prometheus_client is not installed.
        """
        return exposition(self)

    def _finished(self, execution: Execution) -> None:
        self._count(execution.statement, execution.seconds, execution.error)

    def _count(self, statement: Statement, seconds: float, error: BaseException | None) -> None:
        outcome = "ok" if error is None else type(error).__name__
        key = (statement.kind, statement.table, outcome)
        (self._durations.get(key) or self._new(key)).add(seconds)

    def _new(self, key: tuple[Kind, str, str]) -> Gathering:
        if len(self._durations) >= _SERIES:
            key = (key[0], _OTHER_TABLES, key[2])
        return self._durations.setdefault(key, Gathering())

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, TransactionConflictError):
            self._conflicts += 1

    def _acquired(self, seconds: float, error: BaseException | None) -> None:
        if error is None:
            self._acquisitions.add(seconds)
        elif isinstance(error, PoolTimeoutError):
            self._timeouts += 1

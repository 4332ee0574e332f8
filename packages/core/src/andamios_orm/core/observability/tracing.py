"""Tell OpenTelemetry of statements and connections, as its conventions for databases want it.

https://opentelemetry.io/docs/specs/semconv/db/ names the spans, metrics and attributes. No value of a row, a
parameter or a credential is among them.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

from andamios_orm.core.__about__ import __version__
from andamios_orm.core.arguments import engine_of
from andamios_orm.core.connections import ConnectionManager
from andamios_orm.core.errors import ConfigurationError, PoolTimeoutError
from andamios_orm.core.observability.observation import (
    AcquisitionObserver,
    Execution,
    StatementObserver,
    database_name,
)
from andamios_orm.core.observability.statements import without_literals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
    from opentelemetry.trace import TracerProvider
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["Telemetry"]

_NAME = "andamios_orm.core"
_SCHEMA = "https://opentelemetry.io/schemas/1.33.0"
_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Seconds; those that the conventions advise."""


class Telemetry:
    """Send a span for each statement of an engine, and measure statements and connections, until `close`.

    A span belongs to the one that is current in the task which sent the statement. Without providers the
    global ones are used, which do nothing unless the program has set them.

    Args:
        engine: The engine.
        tracer_provider: Where spans go.
        meter_provider: Where measurements go.
        name: What to call the engine's pool; by default as its database.

    Raises:
        ConfigurationError: The API of OpenTelemetry is not installed, or ``engine`` is no engine.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        name: str | None = None,
    ) -> None:
        self._backend = engine_of(engine, type(self).__name__).dialect.name
        self._common = _common(engine)
        self._pool = {"db.client.connection.pool.name": name or database_name(engine)}
        self._manager = _manager(engine)
        self._api = _opentelemetry()
        self._tracer = self._api.trace.get_tracer(_NAME, __version__, tracer_provider, _SCHEMA)
        self._measure(self._api.metrics.get_meter(_NAME, __version__, meter_provider, _SCHEMA))
        self._statement_observer = StatementObserver(engine, self._finished)
        self._acquisition_observer = AcquisitionObserver(engine, self._acquired)

    def close(self) -> None:
        """Stop; a second call does nothing."""
        self._manager = None
        self._statement_observer.close()
        self._acquisition_observer.close()

    def _measure(self, meter: Meter) -> None:
        self._durations = meter.create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._waits = meter.create_histogram(
            "db.client.connection.wait_time",
            unit="s",
            description="The time it took to obtain an open connection from the pool.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._timeouts = meter.create_counter(
            "db.client.connection.timeouts",
            unit="{timeout}",
            description="Connections that could not be obtained from the pool in time.",
        )
        for name, unit, observe in (
            ("count", "{connection}", self._connections),
            ("max", "{connection}", self._limit),
            ("pending_requests", "{request}", self._waiting),
        ):
            meter.create_observable_up_down_counter(f"db.client.connection.{name}", [observe], unit=unit)

    def _connections(self, options: CallbackOptions) -> Iterable[Observation]:
        if self._manager is not None:
            held = self._manager.statistics()
            for state, value in (("used", held.in_use), ("idle", held.idle)):
                yield self._observation(value, {"db.client.connection.state": state})

    def _limit(self, options: CallbackOptions) -> Iterable[Observation]:
        if self._manager is not None and (limit := self._manager.statistics().limit) >= 0:
            yield self._observation(limit, {})

    def _waiting(self, options: CallbackOptions) -> Iterable[Observation]:
        if self._manager is not None:
            yield self._observation(self._manager.statistics().waiting, {})

    def _observation(self, value: int, attributes: dict[str, str]) -> Observation:
        observation: Observation = self._api.metrics.Observation(value, self._pool | attributes)
        return observation

    def _acquired(self, seconds: float, error: BaseException | None) -> None:
        if error is None:
            self._waits.record(seconds, self._pool)
        elif isinstance(error, PoolTimeoutError):
            self._timeouts.add(1, self._pool)

    def _finished(self, execution: Execution) -> None:
        attributes = self._common | _attributes(execution)
        self._durations.record(execution.seconds, attributes)
        self._span(execution, attributes)

    def _span(self, execution: Execution, attributes: dict[str, Any]) -> None:
        trace = self._api.trace
        summary = f"{execution.statement.operation} {execution.statement.table}".strip()
        ended = time_ns()
        span = self._tracer.start_span(
            summary or self._common["db.system.name"],
            kind=trace.SpanKind.CLIENT,
            attributes=attributes | self._details(execution, summary),
            start_time=ended - int(execution.seconds * 1e9),
        )
        if execution.error is not None:
            # Without the message, which may hold values.
            span.set_status(trace.StatusCode.ERROR, type(execution.error).__name__)
        span.end(ended)

    def _details(self, execution: Execution, summary: str) -> dict[str, Any]:
        details: dict[str, Any] = {"db.query.text": without_literals(execution.text, self._backend)}
        if summary:
            details["db.query.summary"] = summary
        if execution.batch not in (None, 1):
            details["db.operation.batch.size"] = execution.batch
        return details


def _attributes(execution: Execution) -> dict[str, str]:
    statement, error = execution.statement, execution.error
    batch = "BATCH " if execution.batch not in (None, 1) else ""
    attributes = {
        "db.operation.name": f"{batch}{statement.operation}" if statement.operation else "",
        "db.collection.name": statement.table,
        "error.type": "" if error is None else type(error).__name__,
        "db.response.status_code": str(getattr(getattr(error, "orig", None), "sqlstate", None) or ""),
    }
    return {name: value for name, value in attributes.items() if value}


def _common(engine: AsyncEngine) -> dict[str, Any]:
    url, dialect = engine.url, engine.dialect
    attributes = {
        "db.system.name": "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name,
        "db.namespace": database_name(engine),
        "server.address": url.host,
        "server.port": url.port,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _manager(engine: AsyncEngine) -> ConnectionManager | None:
    try:
        return ConnectionManager(engine)
    except ConfigurationError:
        return None


def _opentelemetry() -> Any:
    try:
        import opentelemetry.metrics
        import opentelemetry.trace
    except ImportError as error:
        raise ConfigurationError(
            'spans and metrics of OpenTelemetry need its API: pip install "andamios-orm-core[opentelemetry]"'
        ) from error
    return opentelemetry

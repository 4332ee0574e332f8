"""OpenTelemetry hears of statements and connections by the names of its conventions."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import Column, Integer, MetaData, NullPool, Table, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from andamios_orm.core import AndamiosEngine, create_engine, create_memory_engine
from andamios_orm.core.errors import ConfigurationError, DuplicateKeyError, PoolTimeoutError
from andamios_orm.core.observability.tracing import Telemetry

from ..services import POSTGRESQL, require

SEATS = Table("seat", MetaData(), Column("id", Integer, primary_key=True, autoincrement=False))


class Collected:
    """What was sent, kept in memory."""

    def __init__(self, engine: AsyncEngine, **options: Any) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.telemetry = Telemetry(
            engine,
            tracer_provider=self.tracers,
            meter_provider=MeterProvider([self._reader], shutdown_on_exit=False),
            **options,
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._spans.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        """The data points of one metric."""
        data: Any = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
async def collected(engine: AndamiosEngine) -> Collected:
    """What is sent for an engine that has a table."""
    async with engine.begin() as connection:
        await connection.run_sync(SEATS.create)
    return Collected(engine)


async def test_a_statement_is_a_span(engine: AndamiosEngine, collected: Collected) -> None:
    async with engine.connect() as connection:
        await connection.execute(select(SEATS).where(SEATS.c.id == 12))
    (span,) = collected.spans
    assert (span.name, span.kind) == ("SELECT seat", SpanKind.CLIENT)
    assert dict(span.attributes or {}) == {
        "db.system.name": "duckdb",
        "db.namespace": "memory",
        "db.operation.name": "SELECT",
        "db.collection.name": "seat",
        "db.query.summary": "SELECT seat",
        "db.query.text": "SELECT seat.id FROM seat WHERE seat.id = $1",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < span.end_time - span.start_time < 60e9


async def test_a_span_belongs_to_the_one_of_its_task(engine: AndamiosEngine, collected: Collected) -> None:
    tracer = collected.tracers.get_tracer("test")

    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

    await asyncio.gather(work("one"), work("other"))
    ids = {span.context.span_id for span in collected.spans if span.name in ("one", "other") and span.context}
    parents = [span.parent for span in collected.spans if span.name == "SELECT"]
    assert {parent.span_id for parent in parents if parent} == ids
    assert len(ids) == 2


async def test_a_text_without_a_known_word_is_named_for_the_backend(
    engine: AndamiosEngine, collected: Collected
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(Exception, match="syntax"):
            await connection.execute(text("FROBNICATE 'a'"))
    (span,) = collected.spans
    assert span.name == "duckdb"
    assert dict(span.attributes or {})["db.query.text"] == "FROBNICATE ?"
    assert "db.operation.name" not in dict(span.attributes or {})


async def test_a_failure_tells_its_class_and_no_value(engine: AndamiosEngine, collected: Collected) -> None:
    async with engine.connect() as connection:
        await connection.execute(insert(SEATS).values(id=77))
        with pytest.raises(DuplicateKeyError):
            await connection.execute(text("INSERT INTO seat VALUES (77)"))
    span = collected.spans[-1]
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "DuplicateKeyError"
    assert span.events == ()
    assert "77" not in f"{dict(span.attributes or {})} {span.status.description}"


async def test_a_batch_says_so(engine: AndamiosEngine, collected: Collected) -> None:
    async with engine.connect() as connection:
        await connection.execute(insert(SEATS), [{"id": 1}, {"id": 2}])
        await connection.execute(text("INSERT INTO seat VALUES (:id)"), [{"id": 3}])
    batch, single = (dict(span.attributes or {}) for span in collected.spans)
    assert (batch["db.operation.name"], batch["db.operation.batch.size"]) == ("BATCH INSERT", 2)
    assert single["db.operation.name"] == "INSERT"
    assert "db.operation.batch.size" not in single


async def test_durations_are_a_histogram(engine: AndamiosEngine, collected: Collected) -> None:
    async with engine.connect() as connection:
        for _ in range(3):
            await connection.execute(select(SEATS))
    (point,) = collected.points("db.client.operation.duration")
    assert dict(point.attributes) == {
        "db.system.name": "duckdb",
        "db.namespace": "memory",
        "db.operation.name": "SELECT",
        "db.collection.name": "seat",
    }
    assert point.count == 3
    assert point.explicit_bounds == (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


async def test_connections_are_counted() -> None:
    engine = create_memory_engine(pool_size=1, max_overflow=0, pool_timeout=0.01)
    collected = Collected(engine, name="main")
    async with engine.connect():
        with pytest.raises(PoolTimeoutError):
            await engine.connect()
        used, idle = collected.points("db.client.connection.count")
    pool = {"db.client.connection.pool.name": "main"}
    assert (dict(used.attributes), used.value) == (pool | {"db.client.connection.state": "used"}, 1)
    assert (dict(idle.attributes), idle.value) == (pool | {"db.client.connection.state": "idle"}, 0)
    assert [point.value for point in collected.points("db.client.connection.max")] == [1]
    assert [point.value for point in collected.points("db.client.connection.pending_requests")] == [0]
    assert [point.value for point in collected.points("db.client.connection.timeouts")] == [1]
    (wait,) = collected.points("db.client.connection.wait_time")
    assert (dict(wait.attributes), wait.count) == (pool, 1)
    await engine.dispose()


async def test_a_pool_without_a_limit_tells_none() -> None:
    engine = create_memory_engine(max_overflow=-1)
    assert Collected(engine).points("db.client.connection.max") == []
    await engine.dispose()


async def test_a_pool_without_a_queue_tells_nothing() -> None:
    engine = create_async_engine("duckdb+andamios://", poolclass=NullPool)
    assert Collected(engine).points("db.client.connection.count") == []
    await engine.dispose()


async def test_a_connection_that_cannot_be_made_counts_as_nothing() -> None:
    engine = create_memory_engine(connect_args={"config": {"threads": "many"}})
    collected = Collected(engine)
    with pytest.raises(ConfigurationError):
        await engine.connect()
    assert collected.points("db.client.connection.wait_time") == []
    assert collected.points("db.client.connection.timeouts") == []
    await engine.dispose()


async def test_sends_nothing_after_its_end(engine: AndamiosEngine, collected: Collected) -> None:
    collected.telemetry.close()
    collected.telemetry.close()
    async with engine.connect() as connection:
        await connection.execute(select(SEATS))
    assert collected.spans == []
    for name in ("count", "max", "pending_requests", "wait_time"):
        assert collected.points(f"db.client.connection.{name}") == []


async def test_without_providers_nothing_is_sent_and_nothing_fails(engine: AndamiosEngine) -> None:
    telemetry = Telemetry(engine)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    telemetry.close()


async def test_a_server_has_an_address_and_a_code_for_its_errors() -> None:
    engine = create_engine(require(POSTGRESQL))
    collected = Collected(engine)
    async with engine.connect() as connection:
        with pytest.raises(Exception, match="division by zero"):
            await connection.execute(text("SELECT 1/0"))
    await engine.dispose()
    attributes = dict(collected.spans[-1].attributes or {})
    assert attributes["db.system.name"] == "postgresql"
    assert attributes["db.namespace"] == "postgres"
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", 5432)
    assert attributes["db.response.status_code"] == "22012"


async def test_no_credential_is_sent() -> None:
    engine = create_engine("postgresql://ada:s3cr3t@127.0.0.1:1/shop")
    collected = Collected(engine)
    assert "s3cr3t" not in str(vars(collected.telemetry))


async def test_says_what_to_install(engine: AndamiosEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-core\[opentelemetry\]"'):
        Telemetry(engine)

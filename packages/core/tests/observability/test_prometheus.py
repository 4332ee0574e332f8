"""Prometheus reads the metrics of one engine, or of several."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm.core import AndamiosEngine, create_memory_engine
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.observability.metrics import MetricsCollector
from andamios_orm.core.observability.prometheus import PrometheusCollector

Labels = dict[str, str]


def samples(exposed: str, name: str) -> list[tuple[Labels, float]]:
    """The samples of one name, read by prometheus_client's own parser."""
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
        if sample.name == name
    ]


@pytest.fixture
async def metrics(engine: AndamiosEngine) -> AsyncIterator[MetricsCollector]:
    """A collector that has seen one query and a retry."""
    metrics = MetricsCollector(engine, name="flights")
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    metrics.count_retry()
    yield metrics
    metrics.close()


async def test_statements_are_a_histogram(metrics: MetricsCollector) -> None:
    labels = {"database": "flights", "kind": "select", "table": "", "outcome": "ok"}
    exposed = metrics.prometheus()
    assert samples(exposed, "andamios_statement_duration_seconds_count") == [(labels, 1.0)]
    buckets = samples(exposed, "andamios_statement_duration_seconds_bucket")
    assert buckets[-1] == (labels | {"le": "+Inf"}, 1.0)
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    ((_, total),) = samples(exposed, "andamios_statement_duration_seconds_sum")
    assert total == metrics.snapshot().statements[0].durations.total


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("andamios_connection_acquisition_seconds_count", 1.0),
        ("andamios_connection_timeouts_total", 0.0),
        ("andamios_transaction_conflicts_total", 0.0),
        ("andamios_transaction_retries_total", 1.0),
        ("andamios_connections_in_use", 0.0),
        ("andamios_connections_idle", 1.0),
        ("andamios_connections_waiting", 0.0),
        ("andamios_connections_limit", 50.0),
    ],
)
async def test_the_rest_is_counters_and_gauges(metrics: MetricsCollector, name: str, value: float) -> None:
    assert samples(metrics.prometheus(), name) == [({"database": "flights"}, value)]


async def test_a_registry_serves_several_engines(metrics: MetricsCollector) -> None:
    other = create_memory_engine()
    registry = CollectorRegistry(auto_describe=True)
    registry.register(PrometheusCollector(metrics, MetricsCollector(other, name="other")))
    exposed = generate_latest(registry).decode()
    assert exposed.count("# TYPE andamios_transaction_retries_total counter") == 1
    assert samples(exposed, "andamios_transaction_retries_total") == [
        ({"database": "flights"}, 1.0),
        ({"database": "other"}, 0.0),
    ]
    await other.dispose()


async def test_two_engines_of_one_name_are_refused(metrics: MetricsCollector, engine: AndamiosEngine) -> None:
    """Prometheus would be told everything twice."""
    with pytest.raises(ConfigurationError, match=r"two collectors are called 'flights': give each a name"):
        PrometheusCollector(metrics, MetricsCollector(engine, name="flights"))


async def test_a_pool_without_a_queue_has_no_gauges() -> None:
    engine = create_async_engine("duckdb+andamios://", poolclass=NullPool)
    exposed = MetricsCollector(engine).prometheus()
    assert samples(exposed, "andamios_connections_in_use") == []
    await engine.dispose()


async def test_says_what_to_install(metrics: MetricsCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "prometheus_client.core")
    with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-core\[prometheus\]"'):
        metrics.prometheus()
    with pytest.raises(ConfigurationError, match="prometheus"):
        PrometheusCollector(metrics)

"""Show metrics to Prometheus."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.observability.distributions import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import HistogramMetricFamily, Metric

    from andamios_orm.core.observability.distributions import Distribution
    from andamios_orm.core.observability.metrics import MetricsCollector, MetricsSnapshot

__all__ = ["PrometheusCollector", "exposition"]

_STATEMENT_LABELS = ("database", "kind", "table", "outcome")


class PrometheusCollector:
    """Collect the metrics of some engines for a registry of prometheus_client.

    ``REGISTRY.register(PrometheusCollector(metrics))`` serves them beside the program's own.

    Args:
        collectors: Those of the engines; each name may occur once.

    Raises:
        ConfigurationError: Two have the same name, or prometheus_client is not installed.
    """

    def __init__(self, *collectors: MetricsCollector) -> None:
        self._core = _prometheus().core
        _expect_names(collectors)
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        """Yield each metric, with the samples of all engines."""
        snapshots = [collector.snapshot() for collector in self._collectors]
        yield self._statements(snapshots)
        yield self._acquisitions(snapshots)
        yield from self._counters(snapshots)
        yield from self._pools(snapshots)

    def _statements(self, snapshots: list[MetricsSnapshot]) -> Metric:
        family: HistogramMetricFamily = self._core.HistogramMetricFamily(
            "andamios_statement_duration_seconds", "How long statements took.", labels=_STATEMENT_LABELS
        )
        for snapshot in snapshots:
            for entry in snapshot.statements:
                labels = (snapshot.database, entry.kind, entry.table, entry.outcome)
                family.add_metric(labels, _buckets(entry.durations), entry.durations.total)
        return family

    def _acquisitions(self, snapshots: list[MetricsSnapshot]) -> Metric:
        family: HistogramMetricFamily = self._core.HistogramMetricFamily(
            "andamios_connection_acquisition_seconds",
            "How long connections were waited for.",
            labels=("database",),
        )
        for snapshot in snapshots:
            durations = snapshot.acquisitions
            family.add_metric((snapshot.database,), _buckets(durations), durations.total)
        return family

    def _counters(self, snapshots: list[MetricsSnapshot]) -> Iterator[Metric]:
        for name, text, value in (
            ("connection_timeouts", "Connections that did not become free in time.", "acquisition_timeouts"),
            ("transaction_conflicts", "Transactions that failed because of another one.", "conflicts"),
            ("transaction_retries", "Units of work that were run once more.", "retries"),
        ):
            family = self._core.CounterMetricFamily(f"andamios_{name}", text, labels=("database",))
            for snapshot in snapshots:
                family.add_metric((snapshot.database,), getattr(snapshot, value))
            yield family

    def _pools(self, snapshots: list[MetricsSnapshot]) -> Iterator[Metric]:
        for name, text, value in (
            ("connections_in_use", "Connections that are in use.", "in_use"),
            ("connections_idle", "Connections that are open and free.", "idle"),
            ("connections_waiting", "Tasks that wait for a connection.", "waiting"),
            ("connections_limit", "Connections that may be in use at once; -1 without a limit.", "limit"),
        ):
            family = self._core.GaugeMetricFamily(f"andamios_{name}", text, labels=("database",))
            for snapshot in snapshots:
                if snapshot.pool is not None:
                    family.add_metric((snapshot.database,), getattr(snapshot.pool, value))
            yield family


def exposition(*collectors: MetricsCollector) -> str:
    """Return the metrics of some engines in the text format of Prometheus.

    Raises:
        ConfigurationError: prometheus_client is not installed.
    """
    client = _prometheus()
    registry = client.CollectorRegistry()
    registry.register(PrometheusCollector(*collectors))
    text: str = client.generate_latest(registry).decode()
    return text


def _expect_names(collectors: Sequence[MetricsCollector]) -> None:
    # Prometheus drops a series that it is told twice, or everything that came with it.
    names = [collector.name for collector in collectors]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"two collectors are called {name!r}: give each a name, MetricsCollector(engine, name=...)"
            )


def _buckets(durations: Distribution) -> list[tuple[str, int]]:
    bounds = [*map(str, BOUNDS), "+Inf"]
    return list(zip(bounds, accumulate(durations.counts), strict=True))


def _prometheus() -> Any:
    try:
        import prometheus_client.core
    except ImportError as error:
        raise ConfigurationError(
            'Prometheus metrics need prometheus_client: pip install "andamios-orm-core[prometheus]"'
        ) from error
    return prometheus_client

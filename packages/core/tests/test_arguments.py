"""What a service cannot work with is refused when the service is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncEngine

from andamios_orm.core import (
    AndamiosEngine,
    AuditLogger,
    CacheManager,
    ConnectionManager,
    ConnectionResilience,
    HealthChecker,
    MetricsCollector,
    SlowQueryLog,
    Telemetry,
    TransactionManager,
    create_memory_engine,
    events_of,
    transactional,
)
from andamios_orm.core.arguments import seconds
from andamios_orm.core.errors import ConfigurationError

SERVICES: list[Callable[[Any], object]] = [
    AuditLogger,
    CacheManager,
    ConnectionManager,
    ConnectionResilience,
    HealthChecker,
    MetricsCollector,
    SlowQueryLog,
    Telemetry,
    TransactionManager,
    events_of,
    transactional,
]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("given", [None, "duckdb://", sqlalchemy.create_engine("sqlite://")])
def test_a_service_refuses_what_is_no_engine(service: Callable[[Any], object], given: object) -> None:
    needs = rf"^\w+(\(\))? needs an engine, as create_engine\(\) returns it, not a {type(given).__name__}$"
    with pytest.raises(ConfigurationError, match=needs):
        service(given)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_takes_any_asynchronous_engine(service: Callable[[Any], object]) -> None:
    service(AsyncEngine(create_memory_engine().sync_engine))


def test_the_error_names_the_service() -> None:
    with pytest.raises(ConfigurationError, match=r"^AuditLogger needs an engine"):
        AuditLogger(None)  # type: ignore[arg-type] # what is tested


@pytest.mark.parametrize("given", [0, 0.5, 3, Fraction(1, 2)])
def test_a_number_of_seconds_is_taken(given: Any) -> None:
    assert seconds("threshold", given) == given


@pytest.mark.parametrize("given", ["0.5", None, True, -1, math.nan, math.inf])
def test_what_is_no_number_of_seconds_is_refused(given: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        seconds("threshold", given)
    assert str(caught.value) == f"threshold is a number of seconds, not {given!r}"


def test_where_none_at_all_is_no_use_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"timeout is a positive number of seconds, not 0"):
        seconds("timeout", 0, positive=True)


async def test_a_threshold_that_is_text_does_not_wait_for_a_statement(engine: AndamiosEngine) -> None:
    """It failed statements that had been executed."""
    with pytest.raises(ConfigurationError, match=r"threshold is a number of seconds, not '0\.5'"):
        SlowQueryLog(engine, "0.5")  # type: ignore[arg-type] # what is tested


@pytest.mark.parametrize("times", [{"timeout": 0}, {"timeout": "5"}, {"slow": -1.0}])
async def test_a_check_needs_time(engine: AndamiosEngine, times: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"is a (positive )?number of seconds"):
        HealthChecker(engine, **times)


@pytest.mark.parametrize("timeout", [-1, "30", None])
async def test_a_logger_refuses_a_timeout_before_a_commit_does(engine: AndamiosEngine, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout is a number of seconds"):
        AuditLogger(engine, timeout=timeout)


@pytest.mark.parametrize("duration", [math.nan, -1.0])
async def test_a_duration_that_is_none_is_not_counted(engine: AndamiosEngine, duration: float) -> None:
    metrics = MetricsCollector(engine)
    with pytest.raises(ConfigurationError, match="duration is a number of seconds"):
        metrics.track_query_performance("SELECT 1", duration)
    assert metrics.snapshot().statements == ()


async def test_what_does_not_describe_a_pool_is_refused(engine: AndamiosEngine) -> None:
    with pytest.raises(ConfigurationError, match=r"ConnectionManager\.statistics\(\) returns, not a dict"):
        MetricsCollector(engine).track_connection_usage({"in_use": 1})  # type: ignore[arg-type] # what is tested

"""Slow statements are logged, without the values in them unless they are asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.errors import ProgrammingError
from andamios_orm.core.observability.logs import correlation_id
from andamios_orm.core.observability.slow_queries import SlowQueryLog

QUERY = text("SELECT 'literal', :name AS name FROM range(2)")
PARAMETERS = {"name": "bound value"}


@pytest.fixture(autouse=True)
def every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "andamios_orm.core.query")


@pytest.fixture
def slow_queries(engine: AndamiosEngine) -> Iterator[SlowQueryLog]:
    """A log for which every statement is slow."""
    log = SlowQueryLog(engine, threshold=0.0)
    yield log
    log.close()


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == "andamios_orm.core.query"]


async def test_a_slow_statement_is_a_warning(
    engine: AndamiosEngine, slow_queries: SlowQueryLog, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.connect() as connection:
        with correlation_id("request-1"):
            await connection.execute(QUERY, PARAMETERS)
    (record,) = logged(caplog)
    assert (record["levelname"], record["msg"]) == ("WARNING", "slow query")
    assert record["statement"] == "SELECT ?, $1 AS name FROM range(?)"
    assert record["rows"] == 2
    assert 0 < record["duration"] < 60
    assert record["correlation_id"] == "request-1"
    assert "error" not in record


async def test_values_are_hidden_unless_they_are_asked_for(
    engine: AndamiosEngine, slow_queries: SlowQueryLog, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.connect() as connection:
        await connection.execute(QUERY, PARAMETERS)
    assert "bound value" not in str(logged(caplog))
    assert "literal" not in str(logged(caplog))


async def test_values_are_shown_on_request(engine: AndamiosEngine, caplog: pytest.LogCaptureFixture) -> None:
    log = SlowQueryLog(engine, 0.0, show_parameters=True)
    async with engine.connect() as connection:
        await connection.execute(QUERY, PARAMETERS)
    log.close()
    (record,) = logged(caplog)
    assert record["statement"] == "SELECT 'literal', $1 AS name FROM range(2)"
    assert record["parameters"] == "('bound value',)"


async def test_many_parameters_are_shown_in_part(
    engine: AndamiosEngine, caplog: pytest.LogCaptureFixture
) -> None:
    log = SlowQueryLog(engine, 0.0, show_parameters=True)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT :text"), {"text": "x" * 100_000})
    log.close()
    assert len(logged(caplog)[0]["parameters"]) < 1_000


async def test_a_credential_is_hidden_even_on_request(
    engine: AndamiosEngine, caplog: pytest.LogCaptureFixture
) -> None:
    log = SlowQueryLog(engine, 0.0, show_parameters=True)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 'redis://:s3cr3t@cache' AS a, 'password=s3cr3t' AS b")
    log.close()
    assert "s3cr3t" not in str(logged(caplog))


async def test_a_quick_statement_is_logged_for_those_who_debug(
    engine: AndamiosEngine, caplog: pytest.LogCaptureFixture
) -> None:
    log = SlowQueryLog(engine, threshold=60.0)
    async with engine.connect() as connection:
        await connection.execute(QUERY, PARAMETERS)
        caplog.set_level(logging.INFO, "andamios_orm.core.query")
        await connection.execute(QUERY, PARAMETERS)
    log.close()
    assert [(record["levelname"], record["msg"]) for record in logged(caplog)] == [("DEBUG", "query")]


async def test_a_failure_names_its_error(
    engine: AndamiosEngine, slow_queries: SlowQueryLog, caplog: pytest.LogCaptureFixture
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError):
            await connection.execute(text("SELECT 'a' FROM nowhere"))
    (record,) = logged(caplog)
    assert (record["error"], record["rows"]) == ("ProgrammingError", None)


async def test_logs_nothing_after_its_end(
    engine: AndamiosEngine, slow_queries: SlowQueryLog, caplog: pytest.LogCaptureFixture
) -> None:
    slow_queries.close()
    async with engine.connect() as connection:
        await connection.execute(QUERY, PARAMETERS)
    assert logged(caplog) == []

"""Records become lines of JSON with the correlation id, and never hold a credential."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from andamios_orm import core
from andamios_orm.core import create_engine, create_memory_engine
from andamios_orm.core.errors import ConfigurationError, DataError, OperationalError
from andamios_orm.core.observability.logs import (
    JSONFormatter,
    RedactingFilter,
    configure_logging,
    correlation_id,
    current_correlation_id,
    get_logger,
)

PASSWORD = "s3cr3t-w0rd"
PARAMETERS = {"name": "Ada", "number": "x"}


class Written:
    """What `configure_logging` writes."""

    def __init__(self) -> None:
        self.stream = StringIO()
        self.handlers: list[logging.Handler] = []

    def configure(self, *arguments: Any, **options: Any) -> None:
        self.handlers.append(configure_logging(*arguments, stream=self.stream, **options))

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def written() -> Iterator[Written]:
    """What is written; afterwards logging is as it was."""
    written = Written()
    yield written
    for handler in written.handlers:
        handler.close()


def test_a_record_becomes_one_object(written: Written) -> None:
    written.configure()
    get_logger("cache").info("stored\n%s rows", 3, extra={"key": "a", "ttl": 1.5})
    (line,) = written.objects
    assert list(line)[:4] == ["event", "level", "timestamp", "logger"]
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "event": "stored\n3 rows",
        "level": "info",
        "logger": "andamios_orm.core.cache",
        "key": "a",
        "ttl": 1.5,
    }


def test_the_time_ends_in_z(written: Written) -> None:
    written.configure()
    get_logger("cache").info("stored")
    assert written.objects[0]["timestamp"].endswith("Z")


def test_a_field_does_not_hide_what_a_record_is(written: Written) -> None:
    written.configure()
    get_logger("cache").info("stored", extra={"event": "other", "level": 3})
    assert (written.objects[0]["event"], written.objects[0]["level"]) == ("stored", "info")


def test_what_json_has_no_form_for_becomes_text(written: Written) -> None:
    written.configure()
    get_logger("cache").info("stored", extra={"kind": int, "url": Address()})
    assert written.objects[0]["kind"] == "<class 'int'>"
    assert written.objects[0]["url"] == "redis://:***@h"


class Address:
    def __str__(self) -> str:
        return f"redis://:{PASSWORD}@h"


def test_an_exception_has_its_traceback(written: Written) -> None:
    written.configure()
    try:
        raise LookupError("nothing there")
    except LookupError:
        get_logger("cache").exception("failed")
    (line,) = written.objects
    assert line["level"] == "error"
    assert line["exception"].endswith("LookupError: nothing there")


def test_a_stack_is_shown(written: Written) -> None:
    written.configure()
    get_logger("cache").info("here", stack_info=True)
    assert "test_a_stack_is_shown" in written.objects[0]["stack"]


def test_text_for_people(written: Written) -> None:
    written.configure(json=False)
    try:
        raise LookupError("nothing there")
    except LookupError:
        get_logger("cache").exception("failed", extra={"key": "a b"})
    head, *tail = written.lines
    assert head.endswith('Z error andamios_orm.core.cache failed key="a b"')
    assert tail[-1] == "LookupError: nothing there"


def test_text_of_a_record_is_one_line(written: Written) -> None:
    written.configure(json=False)
    get_logger("cache").info("stored\n2026-01-01T00:00:00Z error mine\r\nforged")
    (line,) = written.lines
    assert line.endswith("stored 2026-01-01T00:00:00Z error mine forged")


async def test_parameters_of_a_statement_that_failed_are_not_written(written: Written) -> None:
    written.configure()
    engine = create_memory_engine()
    with pytest.raises(DataError) as caught:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT :name, CAST(:number AS INTEGER)"), PARAMETERS)
    await engine.dispose()
    get_logger("transactions").info("replayed: %s", caught.value, exc_info=caught.value)
    assert "[parameters: ***]" in written.objects[0]["event"]
    assert "[parameters: ***]" in written.objects[0]["exception"]
    assert "Ada" not in written.stream.getvalue()


def test_parts_have_levels_of_their_own(written: Written) -> None:
    written.configure("WARNING", levels={"query": "debug", "pool": logging.ERROR})
    for name in ("query", "cache", "dialect.pool.ConnectionPool"):
        get_logger(name).debug("debug")
        get_logger(name).warning("warning")
    assert [(line["logger"].rpartition(".")[2], line["event"]) for line in written.objects] == [
        ("query", "debug"),
        ("query", "warning"),
        ("cache", "warning"),
    ]


async def test_the_pool_says_what_it_does(written: Written) -> None:
    written.configure(levels={"pool": "DEBUG"})
    engine = create_memory_engine()
    async with engine.connect():
        pass
    await engine.dispose()
    assert any(line["event"].startswith("Created new connection") for line in written.objects)


async def test_the_pool_says_nothing_of_its_normal_course(written: Written) -> None:
    written.configure("DEBUG")
    engine = create_memory_engine()
    async with engine.connect():
        pass
    await engine.dispose()
    assert [line for line in written.objects if "pool" in line["logger"]] == []


@pytest.mark.parametrize("level", ["LOUD", None, 1.5, True])
def test_an_unknown_level_is_refused(level: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"no level {level!r} of logging: use one of CRITICAL"):
        configure_logging(level)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no part called 'querry' logs: use one of cache, commits, "):
        configure_logging(levels={"querry": "DEBUG"})


def test_every_part_that_logs_can_have_a_level() -> None:
    sources = Path(core.__file__).parent.rglob("*.py")
    named = re.compile(r'getLogger\("andamios_orm\.core\.(\w+)"\)|get_logger\("(\w+)"\)')
    parts = {first or second for source in sources for first, second in named.findall(source.read_text())}
    assert "query" in parts
    configure_logging(levels=dict.fromkeys(parts | {"pool"}, "DEBUG")).close()


def test_a_stream_that_cannot_be_written_to_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"stream is an open file, such as sys\.stdout, not 'a\.log'"
    ):
        configure_logging(stream="a.log")  # type: ignore[arg-type] # what is tested


def test_a_second_call_replaces_the_first(written: Written) -> None:
    written.configure("DEBUG", levels={"query": "DEBUG"})
    written.configure()
    get_logger("query").debug("no")
    get_logger("query").info("yes")
    assert [line["event"] for line in written.objects] == ["yes"]


def test_a_closed_handler_leaves_logging_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    configure_logging("ERROR", levels={"query": "ERROR"}, stream=StringIO()).close()
    get_logger("query").warning("slow")
    assert [record.message for record in caplog.records] == ["slow"]


def test_the_loggers_of_others_are_left_alone(written: Written, caplog: pytest.LogCaptureFixture) -> None:
    written.configure()
    logging.getLogger("elsewhere").warning("hello")
    assert written.lines == []
    assert [record.message for record in caplog.records] == ["hello"]


def test_a_handler_of_the_family_that_is_not_ours_stays(written: Written) -> None:
    other = logging.NullHandler()
    logging.getLogger("andamios_orm").addHandler(other)
    written.configure()
    assert other in logging.getLogger("andamios_orm").handlers
    logging.getLogger("andamios_orm").removeHandler(other)


def test_writes_to_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    handler = configure_logging()
    get_logger("cache").info("stored")
    handler.close()
    assert json.loads(capsys.readouterr().err)["event"] == "stored"


def test_records_have_the_correlation_id(written: Written) -> None:
    written.configure()
    with correlation_id("request-1") as given:
        get_logger("cache").info("inside")
        get_logger("cache").info("own", extra={"correlation_id": "other"})
    get_logger("cache").info("outside")
    assert given == "request-1"
    assert [line.get("correlation_id") for line in written.objects] == ["request-1", "other", None]


def test_a_logger_adds_the_correlation_id_for_any_handler(caplog: pytest.LogCaptureFixture) -> None:
    with correlation_id("request-1"):
        get_logger("cache").warning("inside")
    assert vars(caplog.records[0])["correlation_id"] == "request-1"


def test_correlation_ids_can_be_nested_and_made() -> None:
    with correlation_id("outer"):
        with correlation_id() as made:
            assert current_correlation_id() == made
        assert current_correlation_id() == "outer"
    assert current_correlation_id() is None
    assert len(made) == 32


async def test_tasks_inherit_the_correlation_id() -> None:
    async def read() -> str | None:
        return current_correlation_id()

    with correlation_id("request-1"):
        inside = asyncio.create_task(read())
    outside = asyncio.create_task(read())
    assert (await inside, await outside) == ("request-1", None)


def test_structlog_finds_the_correlation_id() -> None:
    with correlation_id("request-1"):
        merged = structlog.contextvars.merge_contextvars(None, "info", {})
    assert merged == {"correlation_id": "request-1"}
    assert contextvars.copy_context().run(structlog.contextvars.get_contextvars) == {}


def test_structlog_renders_the_same_keys(written: Written) -> None:
    written.configure()
    get_logger("cache").warning("stored", extra={"key": "a"})
    (ours,) = written.objects
    theirs = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    record = logging.makeLogRecord({"msg": "stored", "levelno": 30, "levelname": "WARNING", "key": "a"})
    record.name = "andamios_orm.core.cache"
    rendered = json.loads(theirs.format(record))
    assert set(rendered) == set(ours)
    assert {**rendered, "timestamp": ""} == {**ours, "timestamp": ""}


@pytest.mark.parametrize("as_json", [True, False])
def test_no_credential_is_written(written: Written, as_json: bool) -> None:
    written.configure("DEBUG", json=as_json)
    logger = logging.getLogger("andamios_orm.core.cache")
    database, redis = f"postgresql://ada:{PASSWORD}@db/shop", f"redis://:{PASSWORD}@cache:6379/0"
    logger.info("connecting to %s and %s", database, redis)
    logger.info(f"token={PASSWORD}", stack_info=True)
    logger.info("fields", extra={"password": PASSWORD, "api_key": PASSWORD, "url": redis, "urls": [database]})
    logger.info("deep", extra={"config": {"redis": {"url": redis, "secret": PASSWORD}}})
    try:
        raise ConnectionError(f"cannot reach {redis}")
    except ConnectionError:
        logger.exception("failed")
    assert len(written.lines) >= 5
    assert PASSWORD not in written.stream.getvalue()
    assert "redis://:***@cache:6379/0" in written.stream.getvalue()


def test_no_credential_reaches_a_handler_of_another(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ConnectionError(f"cannot reach redis://:{PASSWORD}@h")
    except ConnectionError:
        get_logger("cache").exception("failed at %s", f"redis://:{PASSWORD}@h", extra={"token": PASSWORD})
    assert caplog.records[0].exc_info is None
    assert PASSWORD not in caplog.text
    assert vars(caplog.records[0])["token"] == "***"


def test_an_exception_without_a_credential_stays_whole(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise LookupError("nothing there")
    except LookupError:
        get_logger("cache").exception("failed")
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is LookupError


def test_a_message_that_does_not_fit_its_arguments_is_left_to_the_handler() -> None:
    record = logging.makeLogRecord({"msg": "%d rows", "args": ("many",), "password": PASSWORD})
    assert RedactingFilter().filter(record)
    assert (record.msg, record.args) == ("%d rows", ("many",))
    assert vars(record)["password"] == "***"


def test_a_formatter_serves_any_handler() -> None:
    record = logging.makeLogRecord({"msg": "hello", "name": "mine", "levelname": "INFO"})
    assert json.loads(JSONFormatter().format(record))["event"] == "hello"


@pytest.mark.parametrize(
    "url", [f"postgresql://ada:{PASSWORD}@127.0.0.1:1/shop", f"mysql://ada:{PASSWORD}@127.0.0.1:1/shop"]
)
async def test_no_credential_of_an_engine_is_written(written: Written, url: str) -> None:
    written.configure("DEBUG", levels={"pool": "DEBUG"})
    engine = create_engine(url)
    logger = get_logger("query")
    logger.info("engine %r at %s", engine, engine.url, extra={"engine": engine, "url": engine.url})
    with pytest.raises(OperationalError) as caught:
        await engine.connect()
    logger.error("failed", exc_info=caught.value)
    await engine.dispose()
    assert PASSWORD not in f"{caught.value!r} {caught.value}"
    assert any("failed" in line for line in written.lines)
    assert PASSWORD not in written.stream.getvalue()

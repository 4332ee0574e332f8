"""Rows as they are asked for, on a connection of duckdb itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest

from andamios_orm.core.dialect.outcome import SLICE, Row
from andamios_orm.core.dialect.stream import BrokenStream, OpenStream, Stream

LATE = "SELECT CASE WHEN range < 500000 THEN range ELSE error('late') END FROM range(1000000)"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    # On several threads DuckDB 1.5 may tell of an interruption in place of the error.
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection) -> Callable[[int], list[Row]]:
    return connection.execute("SELECT range FROM range(10000)").fetchmany


def test_rows_in_memory_come_as_asked_for() -> None:
    stream = Stream([(1,), (2,), (3,)])
    assert [stream.fetchmany(2) for _ in range(3)] == [[(1,), (2,)], [(3,)], []]


def test_rows_of_the_engine_come_as_asked_for(read: Callable[[int], list[Row]]) -> None:
    stream = Stream(read=read)
    assert stream.fetchmany(2) == [(0,), (1,)]
    assert len(stream.fetchmany(20000)) == 9998
    assert stream.fetchmany(1) == []


def test_kept_rows_come_after_those_that_were_read(
    connection: duckdb.DuckDBPyConnection, read: Callable[[int], list[Row]]
) -> None:
    stream = Stream(read=read)
    assert stream.fetchmany(1) == [(0,)]
    stream.keep()
    connection.execute("SELECT 'another'")
    assert stream.fetchmany(20000) == [(number,) for number in range(1, 10000)]


def test_a_failed_read_breaks_it(connection: duckdb.DuckDBPyConnection) -> None:
    stream = Stream(read=connection.execute(LATE).fetchmany)
    with pytest.raises(duckdb.Error, match="late"):
        while stream.fetchmany(100_000):
            pass
    stream.break_off("something else")
    with pytest.raises(BrokenStream, match="an error ended this result"):
        stream.fetchmany(1)


def test_one_that_cannot_be_kept_is_broken(connection: duckdb.DuckDBPyConnection) -> None:
    """The rows up to the error must not pass for all of them."""
    stream = Stream(read=connection.execute(LATE).fetchmany)
    with pytest.raises(duckdb.Error, match="late"):
        stream.keep()
    with pytest.raises(BrokenStream, match="an error ended this result"):
        stream.fetchmany(1)


def test_a_closed_one_gives_nothing(read: Callable[[int], list[Row]]) -> None:
    stream = Stream(read=read)
    stream.close()
    stream.close()
    assert stream.fetchmany(1) == []


def test_a_closed_one_is_not_kept(
    connection: duckdb.DuckDBPyConnection, read: Callable[[int], list[Row]]
) -> None:
    stream = Stream(read=read)
    stream.close()
    stream.keep()
    assert connection.fetchone() == (0,)


def test_closed_while_it_is_kept(connection: duckdb.DuckDBPyConnection) -> None:
    """The reader may close it at any time; what it does not want is not read."""
    connection.execute("SELECT range FROM range(10000)")

    def closing(size: int) -> list[Row]:
        stream.close()
        return connection.fetchmany(size)

    stream = Stream(read=closing)
    stream.keep()
    assert stream.fetchmany(1) == []
    assert connection.fetchone() == (SLICE,)


class TestOpen:
    def test_there_is_none_at_first(self) -> None:
        stream = OpenStream()
        stream.keep()
        stream.break_off("because")
        assert not stream.present

    def test_the_last_one_is_it(self, connection: duckdb.DuckDBPyConnection) -> None:
        both = OpenStream()
        first = both.start(connection.execute("SELECT 1").fetchmany)
        both.keep()
        second = both.start(connection.execute("SELECT 2").fetchmany)
        both.break_off("because")
        assert first.fetchmany(1) == [(1,)]
        with pytest.raises(BrokenStream, match="because"):
            second.fetchmany(1)

    def test_a_closed_one_is_present_until_something_else_comes(
        self, read: Callable[[int], list[Row]]
    ) -> None:
        """Its rows are still with the engine."""
        open_stream = OpenStream()
        open_stream.start(read).close()
        assert open_stream.present
        open_stream.keep()
        assert not open_stream.present

    def test_one_that_broke_is_not_kept(self, connection: duckdb.DuckDBPyConnection) -> None:
        open_stream = OpenStream()
        stream = open_stream.start(connection.execute(LATE).fetchmany)
        with pytest.raises(duckdb.Error, match="late"):
            while stream.fetchmany(100_000):
                pass
        connection.execute("SELECT 1")
        open_stream.keep()
        assert connection.fetchone() == (1,)

"""The options of a DuckDB URL and of connect_args."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import make_url

from andamios_orm.core.dialect import options
from andamios_orm.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("duckdb://", ":memory:"),
        ("duckdb:///", ":memory:"),
        ("duckdb:///:memory:", ":memory:"),
        ("duckdb:///:memory:name", ":memory:name"),
        ("duckdb:///flights.db", "flights.db"),
        ("duckdb:////data/flights.db", "/data/flights.db"),
    ],
)
def test_a_url_names_a_database(url: str, path: str) -> None:
    assert options.database_path(make_url(url)) == path


@pytest.mark.parametrize("path", ["~/a.db", "~"])
def test_a_tilde_is_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("USERPROFILE", "/home/ada")
    assert options.database_path(make_url(f"duckdb:///{path}")) == path.replace("~", "/home/ada")


def test_a_home_that_is_not_known_is_refused() -> None:
    """DuckDB would write beside the home of whoever runs it."""
    with pytest.raises(
        ConfigurationError, match=r"'~nobody-knows\.db' begins .* write '\./~nobody-knows\.db'"
    ):
        options.database_path(make_url("duckdb:///~nobody-knows.db"))


@pytest.mark.parametrize("url", ["duckdb://host/a.db", "duckdb://user:secret@/a.db", "duckdb://:1/a.db"])
def test_a_url_with_a_host_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names a file and no host") as caught:
        options.database_path(make_url(url))
    assert "secret" not in str(caught.value)


def test_settings_are_sorted_into_those_of_the_database_and_of_each_connection() -> None:
    database, own = options.database_options(
        "a.db", "on", {"threads": 2, "search_path": "main", "TimeZone": "UTC"}
    )
    assert (database.path, database.read_only, database.config) == ("a.db", True, {"threads": 2})
    assert own == {"search_path": "main", "TimeZone": "UTC"}


def test_settings_may_be_written_in_any_case() -> None:
    database, own = options.database_options("a.db", False, {"THREADS": 2, "timezone": "UTC"})
    assert (database.config, own) == ({"THREADS": 2}, {"timezone": "UTC"})


def test_an_unknown_setting_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(ConfigurationError, match="unknown option 'memory_limt': did you mean 'memory_limit'"):
        options.database_options("a.db", False, {"memory_limt": "1GB"})


def test_an_unknown_setting_that_is_near_to_none_is_refused_by_its_name_alone() -> None:
    with pytest.raises(ConfigurationError, match=r"^unknown option 'xyzzy'$"):
        options.database_options("a.db", False, {"xyzzy": 1})


@pytest.mark.parametrize(("value", "what"), [(None, "not none"), (("1", "2"), "not 2")])
def test_a_setting_takes_one_value(value: object, what: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'threads' takes one value, {what}"):
        options.database_options("a.db", False, {"threads": value})


@pytest.mark.parametrize("mode", ["checked", "native", "off"])
def test_a_mode_of_foreign_keys_is_read(mode: str) -> None:
    assert options.foreign_keys(mode) == mode


@pytest.mark.parametrize("mode", ["Checked", "", None, True, ("off", "off")])
def test_another_mode_of_foreign_keys_is_refused(mode: object) -> None:
    with pytest.raises(ConfigurationError, match="'checked', 'native' and 'off'"):
        options.foreign_keys(mode)


@pytest.mark.parametrize(("value", "threads"), [(1, 1), ("12", 12)])
def test_a_number_of_worker_threads_is_read(value: object, threads: int) -> None:
    assert options.worker_threads(value) == threads


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "", "many", "٣", None])
def test_another_number_of_worker_threads_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="whole number of at least 1"):
        options.worker_threads(value)


def test_a_callback_for_progress_is_taken() -> None:
    assert options.progress(print) is print


@pytest.mark.parametrize("value", [True, "print", 0.5])
def test_what_cannot_be_told_of_progress_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"progress is a function that takes .*, not {value!r}"):
        options.progress(value)


@pytest.mark.parametrize(
    ("value", "truth"),
    [(True, True), ("1", True), ("Yes", True), (False, False), ("0", False), ("off", False)],
)
def test_a_flag_is_read(value: object, truth: bool) -> None:
    assert options.flag("read_only", value) is truth


def test_another_flag_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="read_only is true or false, not 'perhaps'"):
        options.flag("read_only", "perhaps")


def test_connect_args_may_hold_what_is_known() -> None:
    options.check_connect_args({})
    options.check_connect_args({"read_only": "true", "config": {"threads": 1}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "connect_args is a dict"),
        ({"read_onyl": True}, "unknown connect_args 'read_onyl': did you mean 'read_only'"),
        ({"read_only": "perhaps"}, "read_only is true or false"),
        ({"config": "threads=1"}, "config is a dict"),
        ({"config": {"thread": 1}}, "unknown option 'thread': did you mean .*'threads'"),
    ],
)
def test_other_connect_args_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        options.check_connect_args(given)

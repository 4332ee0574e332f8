"""Hold the outcome of the suite against the failures that the engine causes: a pytest plugin.

``known_failures.toml`` names them, each under the limit of the engine that causes it. Such a test must fail
in its body, and counts as xfailed; if it passes, or breaks before or after its body, the run fails. So it
does if a name is of no test, or if fewer tests pass than were promised.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import duckdb
import pytest

PROMISED = 1_600
"""How many tests of the whole suite pass at least."""

_LIMIT = pytest.StashKey[str]()


def known_failures(version: str) -> dict[str, str]:
    """Return the limit behind each test that fails on that version of DuckDB."""
    limits = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["limit"]
    present = [limit for limit in limits if version.startswith(limit.get("duckdb", ""))]
    return {test: limit["reason"] for limit in present for test in limit["tests"]}


def name_of(item: Any) -> str:
    """Return the name of a test without that of the database, which the suite adds to that of its class."""
    return f"{getattr(item.cls, '_sa_orig_cls_name', item.cls.__name__)}::{item.name}"


def is_whole(config: pytest.Config) -> bool:
    """Tell whether the whole suite is run."""
    chosen = config.option.keyword or config.option.markexpr or config.option.collectonly
    return not chosen and config.args == [str(config.rootpath)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that are known to fail.

    Raises:
        UsageError: A name in the file is of no test.
    """
    limits = known_failures(duckdb.__version__)
    for item in items:
        if (limit := limits.pop(name_of(item), None)) is not None:
            item.stash[_LIMIT] = limit
    if limits and is_whole(config):
        raise pytest.UsageError(f"known_failures.toml names tests that are not there: {', '.join(limits)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Turn the failure of a marked test into an expected one, and its success into a failure."""
    report = yield
    limit = item.stash.get(_LIMIT, None)
    if limit is None or call.when != "call" or report.skipped:
        return report
    if report.failed:
        report.outcome = "skipped"
        report.wasxfail = limit
    else:
        report.outcome = "failed"
        report.longrepr = f"passes now, take it out of known_failures.toml: {name_of(item)}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of the whole suite in which too few tests passed."""
    reporter: Any = session.config.pluginmanager.getplugin("terminalreporter")
    passed = len(reporter.stats.get("passed", ()))
    if is_whole(session.config) and session.exitstatus == pytest.ExitCode.OK and passed < PROMISED:
        reporter.write_line(f"only {passed} tests passed, {PROMISED} were promised", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

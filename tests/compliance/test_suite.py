"""SQLAlchemy's tests for dialects that are not its own."""

# ruff: noqa: F403 # SQLAlchemy asks for the star
# SQLAlchemy's testing package has no hints:
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import config, exclusions, fixtures, suite
from sqlalchemy.testing.requirements import SuiteRequirements
from sqlalchemy.testing.suite import *

from andamios_orm.core.dialect.dbapi import StreamingCursor


class ServerSideCursorsTest(suite.ServerSideCursorsTest):  # type: ignore[no-redef] # replaces the star's
    def _is_server_side(self, cursor: Any) -> bool:
        return isinstance(cursor, StreamingCursor)


class RequirementsTest(fixtures.TestBase):
    def test_each_closed_flag_gives_its_reason(self) -> None:
        """A flag that the suite closes by default must be opened, or closed for a reason of the engine."""
        names = [name for name, value in vars(SuiteRequirements).items() if isinstance(value, property)]
        flags = {name: getattr(config.requirements, name) for name in names}
        rules = {name: flag for name, flag in flags.items() if isinstance(flag, exclusions.compound)}
        reasons = {name: rule.matching_config_reasons(config._current) for name, rule in rules.items()}
        assert [name for name in reasons if "marked as skip" in reasons[name]] == []

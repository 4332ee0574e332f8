"""Hand the session over to SQLAlchemy's plugin, and tell it about DuckDB."""

# ruff: noqa: E402, F403 # SQLAlchemy asks for this order, and for the star

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *

pytest_plugins = ["provision"]

"""The base of the models of a module."""

from __future__ import annotations

import pytest

from andamios_orm.core.errors import ConfigurationError

from .databases import database, write


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("andamios_orm.models:BaseModel", "from andamios_orm.models import BaseModel, ViewModel\n"),
        ("airline.base:Base", "from airline.base import Base\n"),
    ],
)
async def test_the_base_is_imported(base: str, line: str) -> None:
    async with database("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE VIEW v AS FROM a") as engine:
        text = (await write(engine, base=base)).text
    assert line in text
    assert f"class A({base.partition(':')[2]}):" in text


@pytest.mark.parametrize("base", ["", "airline", "airline:", ":Base", "airline.base:the base", "a;b:Base"])
async def test_what_is_no_base(base: str) -> None:
    async with database("CREATE TABLE a (id INTEGER PRIMARY KEY)") as engine:
        with pytest.raises(ConfigurationError, match=r"is no base of models: give module:class, such as"):
            await write(engine, base=base)

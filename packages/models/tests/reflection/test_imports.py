"""Imports of a module."""

from __future__ import annotations

from andamios_orm.models.reflection.imports import Imports


def test_they_are_sorted() -> None:
    imports = Imports()
    for module, name in [("sqlalchemy", "text"), ("sqlalchemy", "Index"), ("sqlalchemy", "DATE")]:
        assert imports.name(module, name) == name
    imports.name("typing", "Any")
    imports.name("andamios_orm.models", "BaseModel")
    assert imports.module("datetime", "dt") == "dt"
    assert list(imports.lines()) == [
        "from __future__ import annotations",
        "",
        "import datetime as dt",
        "from typing import Any",
        "",
        "from andamios_orm.models import BaseModel",
        "from sqlalchemy import DATE, Index, text",
    ]
    assert imports.taken == {"text", "Index", "DATE", "Any", "BaseModel", "dt"}


def test_many_names_have_a_line_each() -> None:
    imports = Imports()
    names = [f"name_{number}" for number in range(10)]
    for name in names:
        imports.name("module", name)
    assert list(imports.lines())[2:] == [
        "from module import (",
        *(f"    {name}," for name in names),
        ")",
    ]

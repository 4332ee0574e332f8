"""Create and drop what models need."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AndamiosEngine
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models import tables
from andamios_orm.models.declarative import BaseModel
from andamios_orm.models.tables import create_all, drop_all


class Own(BaseModel):
    __abstract__ = True
    metadata = MetaData()


class Project(Own):
    name: Mapped[str]


class Plain(DeclarativeBase):
    pass


class Document(Plain):
    __tablename__ = "document"

    key: Mapped[str] = mapped_column(primary_key=True)


async def present(engine: AndamiosEngine) -> list[str]:
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT table_name FROM duckdb_tables() ORDER BY 1")))


@pytest.mark.parametrize(
    ("base", "name"), [(Own, "project"), (Own.metadata, "project"), (Plain, "document"), (Project, "project")]
)
async def test_tables_of_a_base(engine: AndamiosEngine, base: Any, name: str) -> None:
    await create_all(engine, base)
    await create_all(engine, base)
    assert await present(engine) == [name]
    await drop_all(engine, base)
    await drop_all(engine, base)
    assert await present(engine) == []


async def test_rows_of_a_table_stay(engine: AndamiosEngine) -> None:
    await create_all(engine, Own)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO project (name) VALUES ('atlas')"))
    await create_all(engine, Own)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT name FROM project")) == "atlas"


async def test_models_are_those_of_base_model(
    engine: AndamiosEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseModel, "metadata", Own.metadata)
    await create_all(engine)
    assert await present(engine) == ["project"]
    await drop_all(engine)
    assert await present(engine) == []


@pytest.mark.parametrize("base", [None, "project", dict])
async def test_what_is_no_base_is_refused(engine: AndamiosEngine, base: Any) -> None:
    for work in (tables.create_all, tables.drop_all):
        with pytest.raises(ConfigurationError, match="give the base of your models"):
            await work(engine, base)

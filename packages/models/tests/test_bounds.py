"""Simple bounds become CHECK constraints where a model asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import annotated_types
import pytest
from pydantic import Field, StringConstraints
from sqlalchemy import JSON, CheckConstraint, ForeignKey, MetaData, Text, TypeDecorator, insert
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, SessionManager, create_engine
from andamios_orm.core.errors import CheckError, ConfigurationError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import Money


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Runway(Base):
    __check_constraints__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Annotated[str, StringConstraints(min_length=2, max_length=3)]]
    length: Mapped[Annotated[int, Field(gt=0, lt=9000, multiple_of=2)] | None]
    share: Mapped[Annotated[float, annotated_types.Interval(ge=0, le=1)]] = mapped_column(default=0.5)
    kind: Mapped[str] = mapped_column(default="runway")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "runway"}


TABLE = Base.metadata.tables["runway"]


class Strip(Runway):
    slope: Mapped[Annotated[int | None, Field(le=5)]]

    __mapper_args__ = {"polymorphic_identity": "strip"}


class Grass(Runway):
    __tablename__ = "grass"

    id: Mapped[int] = mapped_column(ForeignKey(Runway.id), primary_key=True)
    height: Mapped[Annotated[int, Field(ge=1)]]

    __mapper_args__ = {"polymorphic_identity": "grass"}


class Apron(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[Annotated[int, Field(gt=0)]]


class Other(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Fee(Other):
    __check_constraints__ = True

    amount: Mapped[Annotated[Decimal, Field(ge=0, le=Decimal("99.5"))]] = mapped_column(Money(6, 2))


class Reversed(TypeDecorator[str]):
    impl = Text
    cache_ok = True


def checks(model: type[Any]) -> Iterator[str]:
    for constraint in model.__table__.constraints:
        if isinstance(constraint, CheckConstraint):
            yield str(constraint.name)


def test_each_bound_has_a_constraint_with_a_name() -> None:
    assert sorted(checks(Runway)) == [
        "ck_runway_length_gt",
        "ck_runway_length_lt",
        "ck_runway_name_max_length",
        "ck_runway_name_min_length",
        "ck_runway_share_ge",
        "ck_runway_share_le",
        "ck_runway_slope_le",
    ]


def test_a_table_of_a_subclass_has_those_of_its_own_columns() -> None:
    assert list(checks(Grass)) == ["ck_grass_height_ge"]


def test_nobody_gets_them_unasked() -> None:
    assert list(checks(Apron)) == []


@pytest.mark.parametrize("url", ["duckdb:///:memory:", "sqlite:///{folder}/test.db"])
@pytest.mark.parametrize(
    "row", [{"name": "x"}, {"name": "long"}, {"name": "äöü", "length": 0}, {"name": "ab", "share": 1.5}]
)
async def test_the_database_refuses_what_a_model_would(url: str, row: dict[str, Any], tmp_path: Path) -> None:
    engine = create_engine(url.format(folder=tmp_path))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(TABLE).values(name="äöü", length=8))
    with pytest.raises(Exception, match=r"(?i)check.*constraint"):
        async with engine.begin() as connection:
            await connection.execute(insert(TABLE).values(row))
    async with SessionManager(engine) as session:
        session.add(Strip(name="ab", slope=5))
    await engine.dispose()


async def test_money_is_bounded_too(engine: AndamiosEngine) -> None:
    assert sorted(checks(Fee)) == ["ck_fee_amount_ge", "ck_fee_amount_le"]
    async with engine.begin() as connection:
        await connection.run_sync(Other.metadata.create_all)
        await connection.execute(insert(Other.metadata.tables["fee"]).values(amount="99.50"))
    for amount in ("-0.01", "99.51"):
        with pytest.raises(CheckError):
            async with engine.begin() as connection:
                await connection.execute(insert(Other.metadata.tables["fee"]).values(amount=amount))


def test_a_bound_of_what_is_kept_otherwise_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Secret.word is kept as Reversed, .* cannot be a CHECK"):

        class Secret(Base):
            __check_constraints__ = True

            word: Mapped[Annotated[str, Field(max_length=3)]] = mapped_column(Reversed)


def test_a_length_is_that_of_a_text() -> None:
    with pytest.raises(ConfigurationError, match=r"Group.names is kept as JSON"):

        class Group(Base):
            __check_constraints__ = True

            names: Mapped[Annotated[list[str], Field(max_length=3)]] = mapped_column(JSON)

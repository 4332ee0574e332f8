"""What the database and the logs see of an encrypted column, and what is done with its keys."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    insert,
    literal,
    null,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.util import immutabledict

from andamios_orm.core import AndamiosEngine, SessionManager, create_memory_engine
from andamios_orm.core.errors import ConfigurationError, DataError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.types import VARIANT, Encrypted, Money

OLD, NEW = Fernet.generate_key(), Fernet.generate_key()
KEYS: list[Any] = [OLD]


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Passenger(Base):
    name: Mapped[str | None]
    passport: Mapped[str | None] = mapped_column(Encrypted(Text, key=lambda: KEYS))
    visa: Mapped[str | None] = mapped_column(Encrypted(key=OLD))
    fare: Mapped[Any] = mapped_column(Money(), nullable=True)


@pytest.fixture
async def filled(engine: AndamiosEngine) -> AndamiosEngine:
    KEYS[:] = [OLD]
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Passenger(name="Ada", passport="C01X00T47"))
    return engine


async def stored(engine: AndamiosEngine) -> str:
    async with engine.connect() as connection:
        return str(await connection.scalar(text("SELECT passport FROM passenger ORDER BY id LIMIT 1")))


async def read(engine: AndamiosEngine) -> str | None:
    async with SessionManager(engine) as session:
        return await session.scalar(select(Passenger.passport).order_by(Passenger.id).limit(1))


async def test_database_sees_a_token(filled: AndamiosEngine) -> None:
    token = await stored(filled)
    assert token.startswith("gAAAA")
    assert Fernet(OLD).decrypt(token) == b"C01X00T47"
    assert await read(filled) == "C01X00T47"


async def test_null_stays_null(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        session.add(Passenger(name="Bo"))
    async with SessionManager(filled) as session:
        without = select(Passenger.name).where(Passenger.passport.is_(None))
        assert (await session.scalars(without)).all() == ["Bo"]
        given = select(Passenger.name).where(Passenger.passport != null())
        assert (await session.scalars(given)).all() == ["Ada"]


@pytest.mark.parametrize(
    "key",
    [OLD, OLD.decode(), SecretStr(OLD.decode()), [OLD, NEW.decode()], lambda: SecretStr(OLD.decode())],
    ids=["bytes", "text", "secret", "list", "callable"],
)
async def test_key_in_every_form(key: Any) -> None:
    type_ = Encrypted(Text, key=key)
    token = type_.process_bind_param("secret", None)  # type: ignore[arg-type] # it needs no dialect
    assert Fernet(OLD).decrypt(str(token)) == b"secret"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("password", "make one with"),
        ("", "make one with"),
        (b"\xff" * 32, "make one with"),
        ([], "at least one key"),
        (None, "text or bytes, not a NoneType"),
        ((), "at least one key"),
        ([OLD, 5], "text or bytes, not a int"),
    ],
)
def test_bad_key_is_refused_and_not_told(key: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Encrypted(Text, key=key)
    assert "password" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


async def test_bad_key_of_a_function_is_refused_on_use(filled: AndamiosEngine) -> None:
    KEYS[:] = ["no key"]
    with pytest.raises(ConfigurationError, match="make one with"):
        await read(filled)


async def test_new_key_in_front_still_reads_what_the_old_one_wrote(filled: AndamiosEngine) -> None:
    KEYS[:] = [NEW, OLD]
    assert await read(filled) == "C01X00T47"


async def test_rows_written_anew_need_the_new_key_alone(filled: AndamiosEngine) -> None:
    KEYS[:] = [NEW, OLD]
    async with SessionManager(filled) as session:
        for passenger in await session.scalars(select(Passenger)):
            flag_modified(passenger, "passport")
    KEYS[:] = [NEW]
    assert await read(filled) == "C01X00T47"


async def test_value_of_a_dropped_key_is_an_error(filled: AndamiosEngine) -> None:
    KEYS[:] = [NEW]
    with pytest.raises(DataError, match="cannot be decrypted"):
        await read(filled)


async def test_value_that_is_no_token_is_an_error(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        await session.execute(text("UPDATE passenger SET passport = 'plain'"))
    with pytest.raises(DataError, match="cannot be decrypted"):
        await read(filled)


async def test_value_of_another_plain_type_is_not_told(engine: AndamiosEngine) -> None:
    token = Fernet(OLD).encrypt(b"secret").decode()
    async with engine.connect() as connection:
        with pytest.raises(DataError, match=r"is no Integer\(\)") as caught:
            (
                await connection.execute(
                    text("SELECT :t AS v").columns(v=Encrypted(Integer, key=OLD)), {"t": token}
                )
            ).all()
    assert "secret" not in str(caught.value)


def test_python_type_is_that_of_the_plain_value() -> None:
    assert Encrypted(Integer, key=OLD).python_type is int


def test_key_is_not_shown() -> None:
    column = Passenger.__table__.c.visa
    shown = f"{column!r} {column.type!r} {column.type} {vars(column.type)}"
    assert "***" in shown
    assert OLD.decode() not in shown


def test_key_tells_statements_apart() -> None:
    one, other = (select(literal("x", Encrypted(Text, key=key))) for key in (OLD, NEW))
    assert one._generate_cache_key() != other._generate_cache_key()
    assert OLD.decode() not in str(one._generate_cache_key())


async def test_literal_value_is_encrypted(engine: AndamiosEngine) -> None:
    statement = select(literal("secret", Encrypted(Text, key=OLD)))
    shown = str(statement.compile(engine.sync_engine, compile_kwargs={"literal_binds": True}))
    assert "secret" not in shown
    assert "gAAAA" in shown


@pytest.mark.parametrize(
    "use",
    [
        lambda column: column == "C01X00T47",
        lambda column: column != "C01X00T47",
        lambda column: column.in_(["C01X00T47"]),
        lambda column: column.like("C%"),
        lambda column: "C" + column,
        lambda column: column.desc(),
    ],
)
def test_operators_are_refused(use: Any) -> None:
    for column in (Passenger.passport, Passenger.__table__.c.passport):
        with pytest.raises(ConfigurationError, match="keep a keyed hash"):
            use(column)


async def test_comparison_of_two_columns_is_refused_when_sent(filled: AndamiosEngine) -> None:
    columns = list(Passenger.__table__.c)
    assert Passenger.__table__.c.visa in columns[2:]
    async with SessionManager(filled) as session:
        with pytest.raises(ConfigurationError, match="keep a keyed hash"):
            await session.execute(select(Passenger).where(columns[2] == columns[3]))


@pytest.mark.parametrize("options", [{"primary_key": True}, {"unique": True}])
def test_key_column_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="no key and not unique"):
        Column("c", Encrypted(Text, key=OLD), **options)


def test_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-models\[encryption\]"'):
        Encrypted(Text, key=OLD)


def test_type_without_python_values_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="what Python values"):
        Encrypted(VARIANT, key=OLD)


@pytest.mark.parametrize(
    ("plain", "value"),
    [
        (Text, 5),
        (LargeBinary, 5),
        (Float, "secret"),
        (Integer, "secret"),
        (Boolean, "secret"),
        (String, b"secret"),
    ],
)
async def test_value_of_another_type_is_refused_and_not_told(
    engine: AndamiosEngine, plain: Any, value: Any
) -> None:
    table = Table("t", MetaData(), Column("hidden", Encrypted(plain, key=OLD)))
    async with engine.begin() as connection:
        await connection.run_sync(table.create)
        for given in ({"hidden": value}, [{"hidden": value}] * 2):
            with pytest.raises(DataError) as caught:
                await connection.execute(insert(table), given)
            assert "secret" not in f"{caught.value} {vars(caught.value)}"


async def test_values_are_not_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    engine = create_memory_engine(echo=True)
    row = {"name": "Ada", "passport": "C01X00T47"}
    with caplog.at_level(logging.DEBUG):
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with SessionManager(engine) as session:
            session.add(Passenger(**row))
            await session.bulk_insert(Passenger, [row] * 3)
            await session.bulk_insert(Passenger, [{"name": "Bo"}])
            await session.execute(insert(Passenger), [row] * 3)
            await session.execute(update(Passenger).values(passport="C01X00T47"))
            assert (await session.scalars(select(Passenger.passport))).all()[:2] == ["C01X00T47"] * 2
    await engine.dispose()
    assert "C01X00T47" not in caplog.text
    assert "***" in caplog.text
    assert "Ada" in caplog.text


@pytest.mark.parametrize("many", [False, True])
async def test_values_are_not_in_the_error_of_another_column(filled: AndamiosEngine, many: bool) -> None:
    row = {"passport": "C01X00T47", "visa": "V55", "fare": 1.005, "name": "Ada"}
    async with filled.connect() as connection:
        with pytest.raises(DataError) as caught:
            await connection.execute(insert(Passenger), [row, row] if many else row)
        with pytest.raises(DataError) as several:
            await connection.execute(insert(Passenger).values([row, row]))
    shown = f"{caught.value} {vars(caught.value)} {several.value} {vars(several.value)}"
    assert "C01X00T47" not in shown
    assert "V55" not in shown
    assert "Ada" in shown


async def test_rows_of_tuples_are_hidden_in_errors(filled: AndamiosEngine) -> None:
    async with SessionManager(filled) as session:
        with pytest.raises(DataError) as caught:
            table = Base.metadata.tables["passenger"]
            await session.bulk_insert(table, [("C01X00T47", 1.5)], columns=["passport", "fare"])
    assert caught.value.column == "fare"
    assert "C01X00T47" not in f"{caught.value} {vars(caught.value)}"


class Nested(TypeDecorator[Any]):
    impl = Encrypted(Text, key=OLD)
    cache_ok = True


@pytest.mark.parametrize(
    "type_", [Encrypted(Text, key=OLD), Nested(), Text().with_variant(Encrypted(Text, key=OLD), "duckdb")]
)
@pytest.mark.parametrize("many", [False, True])
async def test_values_of_other_names_are_not_in_errors(
    engine: AndamiosEngine, type_: Any, many: bool
) -> None:
    table = Table("t", MetaData(), Column("hidden", type_), Column("fare", Money()), Column("name", Text))
    values: dict[str, Any] = {"hidden": bindparam("s"), "fare": bindparam("p"), "name": bindparam("n")}
    row = {"s": "C01X00T47", "p": 1.005, "n": "Ada"}
    async with engine.connect() as connection:
        with pytest.raises(DataError) as caught:
            await connection.execute(update(table).values(values), [row, row] if many else row)
    assert "C01X00T47" not in f"{caught.value} {vars(caught.value)}"
    assert "Ada" in str(caught.value)


async def test_values_without_a_table_are_not_in_errors(engine: AndamiosEngine) -> None:
    statement = select(bindparam("s", type_=Encrypted(Text, key=OLD)), bindparam("p", type_=Money()))
    async with engine.connect() as connection:
        with pytest.raises(DataError) as caught:
            await connection.execute(statement, {"s": "C01X00T47", "p": 1.005})
    assert "C01X00T47" not in f"{caught.value} {vars(caught.value)}"


async def test_all_values_of_an_unknown_statement_are_hidden(filled: AndamiosEngine) -> None:
    """What fails before SQLAlchemy looks at a statement leaves nothing to tell the types by."""

    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("refused")

    async with filled.connect() as connection:
        sync = connection.sync_connection
        assert sync is not None
        with pytest.raises(DataError) as caught:
            sync._execute_context(sync.dialect, fail, "SELECT 1", [{"s": "C01X00T47"}], immutabledict())
    assert "C01X00T47" not in f"{caught.value} {vars(caught.value)}"

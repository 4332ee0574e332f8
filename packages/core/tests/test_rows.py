"""bulk_insert: dicts, tuples and objects, what is filled in, and that nothing is written by half."""

from __future__ import annotations

import enum
import threading
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Column,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    event,
    func,
    insert,
    null,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, column_property, mapped_column
from sqlalchemy.types import TypeDecorator

from andamios_orm.core import AndamiosEngine, AsyncSession, create_engine
from andamios_orm.core.errors import (
    AndamiosError,
    ConfigurationError,
    DataError,
    DuplicateKeyError,
    IntegrityError,
    NotNullError,
    NotSupportedError,
    TransactionAbortedError,
)
from andamios_orm.core.rows import table_of


class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"


class Reversed(TypeDecorator[str]):
    """Text that is stored backwards."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value[::-1]

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value[::-1]


class Lower(TypeDecorator[str]):
    """Text that the database makes small."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[str]) -> Any:
        return func.lower(type_coerce(bindparam, Text()))


class Witnessed(TypeDecorator[str]):
    """Text that notes which threads convert it, and puts the tenant of the task in front."""

    impl = Text
    cache_ok = True
    threads = set[int]()

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        self.threads.add(threading.get_ident())
        return None if value is None else f"{tenant.get()}:{value}"


tenant: ContextVar[str] = ContextVar("tenant")


class Base(DeclarativeBase):
    pass


class Plain(Base):
    __tablename__ = "plain"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    note: Mapped[str | None]


class Rich(Base):
    __tablename__ = "rich"
    key: Mapped[uuid.UUID] = mapped_column("the key", primary_key=True, default=uuid.uuid4)
    colour: Mapped[Colour | None] = mapped_column(Enum(Colour))
    data: Mapped[Any | None] = mapped_column(JSON)
    backwards: Mapped[str | None] = mapped_column(Reversed)
    scalar: Mapped[int] = mapped_column(default=7)
    server: Mapped[int] = mapped_column(server_default=text("8"))
    double: Mapped[int | None] = mapped_column(Computed("scalar * 2"))
    length = column_property(func.length(backwards))


class Expressive(Base):
    __tablename__ = "expressive"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(Lower)
    made: Mapped[str] = mapped_column(default=func.lower("MADE"))


class Employee(Base):
    __tablename__ = "employees"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}


class Engineer(Employee):
    tools: Mapped[int | None] = mapped_column()
    __mapper_args__ = {"polymorphic_identity": "engineer"}


class Manager(Employee):
    __tablename__ = "managers"
    id: Mapped[int] = mapped_column(ForeignKey("employees.id"), primary_key=True)
    people: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "manager"}


class Versioned(Base):
    __tablename__ = "versioned"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Watched(Base):
    __tablename__ = "watched"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Witnessed)
    thread: Mapped[int] = mapped_column(BigInteger, default=threading.get_ident)


class Document(Base):
    __tablename__ = "documents"
    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[Any | None] = mapped_column(JSON)
    strict: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    filled: Mapped[Any | None] = mapped_column(JSON, default=lambda: ["default"])


class Data(MappedAsDataclass, DeclarativeBase):
    metadata = Base.metadata


class Point(Data):
    __tablename__ = "points"
    x: Mapped[int]
    id: Mapped[int | None] = mapped_column(primary_key=True, default=None)
    kind: Mapped[str | None] = mapped_column(init=False, insert_default="plain")


KEYED = Table(
    "keyed", Base.metadata, Column("the id", Integer, key="id"), Column("the name", String, key="name")
)


class Pair(NamedTuple):
    id: int
    name: str


@pytest.fixture
async def session(engine: AndamiosEngine) -> Any:
    """A session on all tables of this module."""
    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(Base.metadata.create_all, checkfirst=False)
        await session.commit()
        yield session


async def plain(session: AsyncSession) -> list[tuple[Any, ...]]:
    rows = await session.execute(text("SELECT id, name, note FROM plain ORDER BY id"))
    return [tuple(row) for row in rows]


def generated() -> Iterator[dict[str, Any]]:
    yield {"id": 1, "name": "one"}
    yield {"id": 2, "name": "two"}


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([{"id": 1, "name": "one"}, {"name": "two", "id": 2}], None),
        (generated(), None),
        ([(1, "one", None), [2, "two", None]], None),
        ([(1, "one"), (2, "two")], ["id", "name"]),
        ([("one", 1), ("two", 2)], ("name", "id")),
        ([("one", 1), ("two", 2)], [Plain.name, Plain.id]),
        ([("one", 1), ("two", 2)], [Plain.__table__.c.name, "id"]),
        ([{Plain.name: "one", Plain.id: 1}, {Plain.id: 2, Plain.name: "two"}], None),
        ([Pair(1, "one"), Pair(2, "two")], Pair._fields),
        ([Plain(id=1, name="one"), Plain(id=2, name="two")], None),
        ([Plain(name="one"), Plain(name="two")], None),
        ({1: {"id": 1, "name": "one"}, 2: {"id": 2, "name": "two"}}.values(), None),
    ],
)
async def test_takes_rows_of_many_forms(session: AsyncSession, rows: Any, columns: Any) -> None:
    assert await session.bulk_insert(Plain, rows, columns=columns) == 2
    assert await plain(session) == [(1, "one", None), (2, "two", None)]


@pytest.mark.parametrize("rows", [[], (), iter(())])
async def test_no_rows_are_no_work(session: AsyncSession, rows: Any) -> None:
    assert await session.bulk_insert(Plain, rows) == 0


async def test_takes_a_table(session: AsyncSession) -> None:
    await session.bulk_insert(KEYED, [{"id": 1, "name": "one"}])
    await session.bulk_insert(KEYED, [("two", 2)], columns=[KEYED.c.name, KEYED.c.id])
    rows = await session.execute(text('SELECT "the id", "the name" FROM keyed'))
    assert [tuple(row) for row in rows] == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("ended", [func.now(), None])
async def test_a_value_is_not_changed_by_those_of_other_rows(session: AsyncSession, ended: Any) -> None:
    """As a list of floats, the first number would lose its last digit."""
    numbers = Table(
        "numbers", MetaData(), Column("n", BigInteger), Column("at", DateTime, server_default=ended)
    )
    await (await session.connection()).run_sync(numbers.create)
    await session.bulk_insert(numbers, [{"n": 2**53 + 1}, {"n": 1.5}, {"n": None}])
    await session.execute(insert(numbers).values(n=func.abs(bindparam("n"))), [{"n": 2**53 + 1}, {"n": 7}])
    found = (await session.scalars(select(numbers.c.n))).all()
    assert found == [2**53 + 1, 2, None, 2**53 + 1, 7]


async def test_more_rows_than_one_slice(session: AsyncSession) -> None:
    rows = [{"key": uuid.uuid4(), "backwards": str(number), "scalar": number} for number in range(10_001)]
    assert await session.bulk_insert(Rich, rows) == 10_001
    total = await session.execute(select(func.count(), func.sum(Rich.scalar), func.max(Rich.backwards)))
    assert tuple(total.one()) == (10_001, sum(range(10_001)), "9999")


BAD: list[tuple[Any, Any, str]] = [
    ([{"id": 1, "nam": "x"}], None, "unknown column 'nam': did you mean 'name'"),
    (
        [{"id": 1, "name": "x"}, {"id": 2}],
        None,
        r"row 1 differs from row 0: missing \['name'\], surplus \[\]",
    ),
    (
        [{"id": 1}, {"id": 2, "name": "x"}],
        None,
        r"row 1 differs from row 0: missing \[\], surplus \['name'\]",
    ),
    ([{"id": 1}, {"name": "x"}], None, r"missing \['id'\], surplus \['name'\]"),
    ([{}], None, "row 0 is empty"),
    ([(1, "x")], None, "row 0 has 2 values for 3 columns: id, name, note"),
    ([(1, "x"), (2,)], ["id", "name"], "row 1 has 1 values for 2 columns"),
    ([(1, 2)], ["id", "id"], "a column is named twice"),
    ([(1, 2)], ["id", "nam"], "unknown column 'nam'"),
    ([{"id": 1, "name": "x"}], ["id"], "columns is for tuples, and these rows are not tuples: leave it out"),
    ([{"id": 1, "name": "x"}, (2, "y")], None, "row 0 is a dict"),
    ([Plain(id=1, name="x"), Rich()], None, "row 1 is a Rich"),
    ([Plain(id=1, name="x"), "abc"], None, "row 1 is a str"),
    (["abc"], None, "row 0 is a str"),
    ({"id": 1, "name": "x"}, None, r"rows is one dict: give a list of them, such as \[row\]"),
    (Plain(id=1, name="x"), None, "rows is one Plain: give a list of dicts, tuples or objects"),
    (None, None, "rows is one NoneType"),
    (pa.table({"id": [1]}), None, r"rows is a Table of pyarrow: give rows.to_pylist\(\)"),
    ([(1, "x")], "id, name", r"columns is one text: give a list of names, such as \['id', 'name'\]"),
    ([(1, "x")], [Plain.id, Rich.key], "Rich.key is no column of these rows: they have id, name, note"),
    ([(1, "x")], ["id", 2], "2 is no column of these rows"),
    ([(1, 1)], [Plain.id, "id"], "a column is named twice: id, id"),
    ([{Plain.id: 1, "id": 1}], None, "a column is named twice: id, id"),
    ([{"id": 1, 2: "x"}], None, "2 is no column of these rows"),
    ([{Plain.id: 1}, {"id": 2}], None, r"row 1 differs from row 0: missing \['Plain.id'\], surplus \['id'\]"),
    ([1], None, "row 0 is a int"),
    ([Plain(id=1, name="x"), Plain(name="y")], None, "row 1 leaves 'id' to the database, others do not"),
    ([Plain()], None, "row 0 is empty"),
]


@pytest.mark.parametrize(("rows", "columns", "message"), BAD)
async def test_bad_rows_are_refused_before_anything_is_sent(
    session: AsyncSession, rows: Any, columns: Any, message: str
) -> None:
    sent: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: sent.append(given[2]))
    with pytest.raises(ConfigurationError, match=message):
        await session.bulk_insert(Plain, rows, columns=columns)
    assert sent == []
    await session.commit()
    assert await plain(session) == []


@pytest.mark.parametrize(
    ("module", "remedy"),
    [("pandas.core.frame", r"to_dict\('records'\)"), ("polars", r"to_dicts\(\)"), ("numpy", r"tolist\(\)")],
)
async def test_a_frame_of_another_library_is_refused_by_its_name(
    session: AsyncSession, module: str, remedy: str
) -> None:
    """A class derived from it too: iterated, it would give the names of its columns."""
    frame = type("Derived", (type("Frame", (dict,), {"__module__": module}),), {})
    with pytest.raises(ConfigurationError, match=remedy):
        await session.bulk_insert(Plain, frame())


@pytest.mark.parametrize("target", ["plain", 3, None, DeclarativeBase, dict, select(Plain)])
async def test_only_a_mapped_class_or_a_table_is_a_target(session: AsyncSession, target: Any) -> None:
    with pytest.raises(ConfigurationError, match="a mapped class or a Table"):
        await session.bulk_insert(target, [(1,)])


async def test_objects_do_not_go_into_a_bare_table(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="row 0 is a Plain"):
        await session.bulk_insert(KEYED, [Plain()])


async def test_defaults_and_types_do_what_a_flush_does(session: AsyncSession) -> None:
    given = {"colour": Colour.GREEN, "data": {"a": [1, None]}, "backwards": "abc"}
    rows = [given, dict.fromkeys(given)]
    await session.bulk_insert(Rich, rows)
    one = (await session.scalars(select(Rich).where(Rich.colour == Colour.GREEN))).one()
    assert (one.data, one.backwards, one.length) == ({"a": [1, None]}, "abc", 3)
    assert (one.scalar, one.server, one.double) == (7, 8, 14)
    assert await session.scalar(text("SELECT backwards FROM rich WHERE colour IS NOT NULL")) == "cba"
    keys = set(await session.scalars(select(Rich.key)))
    assert len(keys) == 2


async def test_objects_that_are_empty_get_their_defaults(session: AsyncSession) -> None:
    await session.bulk_insert(Rich, [Rich(), Rich()])
    assert (await session.execute(select(func.count(Rich.key.distinct()), func.sum(Rich.scalar)))).one() == (
        2,
        14,
    )


async def test_an_object_that_leaves_a_value_out_gets_the_default(session: AsyncSession) -> None:
    await session.bulk_insert(Rich, [Rich(scalar=1), Rich()])
    assert sorted(await session.scalars(select(Rich.scalar))) == [1, 7]


async def test_an_object_that_leaves_a_value_without_a_default_out_gets_none(session: AsyncSession) -> None:
    await session.bulk_insert(Plain, [Plain(id=1, name="one", note="x"), Plain(id=2, name="two")])
    assert await plain(session) == [(1, "one", "x"), (2, "two", None)]


async def test_a_server_default_is_not_mixed_with_values(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="row 1 leaves 'server' to the database"):
        await session.bulk_insert(Rich, [Rich(server=1), Rich()])


async def test_dataclasses_are_objects(session: AsyncSession) -> None:
    await session.bulk_insert(Point, [Point(x=3), Point(x=4)])
    rows = await session.execute(text("SELECT id, x, kind FROM points ORDER BY id"))
    assert [tuple(row) for row in rows] == [(1, 3, "plain"), (2, 4, "plain")]


async def test_expressions_of_defaults_and_types_are_computed(session: AsyncSession) -> None:
    assert await session.bulk_insert(Expressive, [{"id": 1, "name": "ONE"}, {"id": 2, "name": "TWO"}]) == 2
    rows = await session.execute(text("SELECT id, name, made FROM expressive ORDER BY id"))
    assert [tuple(row) for row in rows] == [(1, "one", "made"), (2, "two", "made")]


async def test_a_row_of_an_inheritance_gets_its_discriminator(session: AsyncSession) -> None:
    await session.bulk_insert(Engineer, [{"name": "one", "tools": 3}])
    await session.bulk_insert(Employee, [{"name": "two"}, {"name": "three"}])
    await session.bulk_insert(Employee, [{"name": "four", "kind": "employee"}])
    found = await session.scalars(select(Employee).order_by(Employee.id))
    assert [(type(one), one.name) for one in found] == [
        (Engineer, "one"),
        (Employee, "two"),
        (Employee, "three"),
        (Employee, "four"),
    ]


async def test_a_class_of_several_tables_is_refused(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="Manager is spread over the tables employees, managers"):
        await session.bulk_insert(Manager, [{"name": "one", "people": 3}])


async def test_an_object_of_a_subclass_is_refused(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="row 1 is a Manager"):
        await session.bulk_insert(Employee, [Employee(name="one"), Manager(name="two", people=3)])


async def test_a_versioned_row_gets_its_first_version(session: AsyncSession) -> None:
    await session.bulk_insert(Versioned, [{"id": 1}])
    one = (await session.scalars(select(Versioned))).one()
    assert one.version == 1


async def test_pending_objects_are_flushed_first(session: AsyncSession) -> None:
    session.add(Plain(id=1, name="pending"))
    with pytest.raises(DuplicateKeyError):
        await session.bulk_insert(Plain, [{"id": 1, "name": "bulk"}])


async def test_schemas_are_translated(session: AsyncSession) -> None:
    connection = await session.connection(execution_options={"schema_translate_map": {None: "other"}})
    await connection.execute(text("CREATE SCHEMA other"))
    await connection.run_sync(KEYED.create)
    await session.bulk_insert(KEYED, [(1, "one")])
    assert await session.scalar(text('SELECT "the name" FROM other.keyed')) == "one"
    assert await session.scalar(text("SELECT count(*) FROM main.keyed")) == 0


BROKEN: list[tuple[dict[str, Any], type[AndamiosError], str]] = [
    ({"id": 5, "name": None}, NotNullError, "name"),
    ({"id": "five", "name": "five"}, DataError, "id"),
    ({"id": 2**40, "name": "five"}, DataError, "id"),
]


@pytest.mark.parametrize(("bad", "error", "column"), BROKEN)
async def test_a_bad_row_in_the_middle_leaves_nothing(
    session: AsyncSession, bad: dict[str, Any], error: type[AndamiosError], column: str
) -> None:
    rows = [{"id": number, "name": str(number)} for number in range(10)]
    rows[5] = bad
    with pytest.raises(error) as caught:
        await session.bulk_insert(Plain, rows)
    assert isinstance(caught.value, DataError | IntegrityError)
    assert (caught.value.row, caught.value.column) == (5, column)
    with pytest.raises(TransactionAbortedError):
        await session.commit()
    await session.rollback()
    assert await plain(session) == []


async def test_a_value_that_its_type_refuses_names_its_row_and_column(session: AsyncSession) -> None:
    rows = [{"backwards": "a", "colour": Colour.RED}, {"backwards": 5, "colour": Colour.RED}]
    with pytest.raises(DataError, match=r"row 1, column 'backwards'") as caught:
        await session.bulk_insert(Rich, rows)
    assert (caught.value.row, caught.value.column) == (1, "backwards")
    assert isinstance(caught.value.orig, TypeError)


async def test_after_a_value_that_its_type_refuses_the_transaction_goes_on(session: AsyncSession) -> None:
    """Nothing was sent, although the value is refused on the worker thread."""
    await session.bulk_insert(Plain, [{"id": 1, "name": "one"}])
    with pytest.raises(DataError, match=r"\(table rich, row 1, column 'backwards'\)"):
        await session.bulk_insert(Rich, [{"backwards": "a"}, {"backwards": 5}])
    await session.commit()
    assert await plain(session) == [(1, "one", None)]


async def test_types_convert_on_a_worker_thread(session: AsyncSession) -> None:
    Witnessed.threads.clear()
    tenant.set("mine")
    await session.bulk_insert(Watched, [{"text": str(n)} for n in range(1_000)])
    assert threading.get_ident() not in Witnessed.threads
    assert len(Witnessed.threads) == 1


async def test_types_convert_in_the_context_of_the_task(session: AsyncSession) -> None:
    tenant.set("mine")
    await session.bulk_insert(Watched, [{"text": "a"}])
    assert await session.scalar(text("SELECT text FROM watched")) == "mine:a"


async def test_defaults_are_computed_on_the_loop(session: AsyncSession) -> None:
    tenant.set("mine")
    await session.bulk_insert(Watched, [{"text": "a"}, {"text": "b"}])
    assert set(await session.scalars(select(Watched.thread))) == {threading.get_ident()}


DOCUMENTS: list[Callable[[], list[Document]]] = [
    lambda: [Document(), Document()],
    lambda: [Document(content=None, strict=None, filled=None)],
    lambda: [Document(content=null(), strict=null(), filled=null())],
    lambda: [Document(), Document(content=None, filled=None), Document(content={}, strict={}, filled={})],
]


@pytest.mark.parametrize("documents", DOCUMENTS)
async def test_a_missing_document_is_written_as_a_flush_writes_it(
    session: AsyncSession, documents: Callable[[], list[Document]]
) -> None:
    """None that is given is JSON's null; what is left out is the default, or NULL."""
    session.add_all(documents())
    await session.flush()
    await session.bulk_insert(Document, documents())
    found = await session.execute(text("SELECT content, strict, filled FROM documents ORDER BY id"))
    written = found.all()
    assert written[: len(written) // 2] == written[len(written) // 2 :]


async def test_none_in_a_dict_is_a_null_of_json(session: AsyncSession) -> None:
    rows = [{"content": None, "strict": None}, {"content": null(), "strict": null()}]
    await session.bulk_insert(Document, rows)
    found = await session.execute(text("SELECT content, strict FROM documents ORDER BY id"))
    assert found.all() == [("null", None), (None, None)]


async def test_a_type_that_refuses_once_only_raises_what_it_raised(session: AsyncSession) -> None:
    class Moody(TypeDecorator[str]):
        impl = Text
        cache_ok = True
        refusals = iter([True])

        def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
            if next(self.refusals, False):
                raise ValueError("not now")
            return value

    table = Table("moody", MetaData(), Column("a", Moody))
    with pytest.raises(ValueError, match="not now"):
        await session.bulk_insert(table, [("x",)])


async def test_what_was_written_before_is_lost_with_the_bad_row(session: AsyncSession) -> None:
    await session.bulk_insert(Plain, [{"id": 1, "name": "one"}])
    with pytest.raises(DuplicateKeyError):
        await session.bulk_insert(Plain, [{"id": 2, "name": "two"}, {"id": 1, "name": "again"}])
    await session.rollback()
    assert await plain(session) == []


async def test_under_autocommit_all_rows_are_written_or_none(
    engine: AndamiosEngine, session: AsyncSession
) -> None:
    async with AsyncSession(engine.execution_options(isolation_level="AUTOCOMMIT")) as other:
        with pytest.raises(DuplicateKeyError):
            await other.bulk_insert(Plain, [{"id": 1, "name": "one"}, {"id": 1, "name": "again"}])
        assert await plain(other) == []
        await other.bulk_insert(Plain, [{"id": 1, "name": "one"}])
    assert await plain(session) == [(1, "one", None)]


@pytest.fixture
async def sqlite(tmp_path: Path) -> Any:
    """A session on SQLite."""
    engine = create_engine(f"sqlite:///{tmp_path}/test.sqlite")
    async with engine.begin() as connection:
        await connection.run_sync(Plain.metadata.create_all, tables=[table_of(Plain), table_of(Rich)])
    async with AsyncSession(engine) as session:
        yield session
    await engine.dispose()


async def test_another_backend_takes_the_same_rows(sqlite: AsyncSession) -> None:
    assert await sqlite.bulk_insert(Plain, generated()) == 2
    await sqlite.bulk_insert(Rich, [Rich(colour=Colour.RED, backwards="abc")])
    await sqlite.commit()
    assert await plain(sqlite) == [(1, "one", None), (2, "two", None)]
    one = (await sqlite.scalars(select(Rich))).one()
    assert (one.colour, one.backwards, one.scalar, one.server) == (Colour.RED, "abc", 7, 8)


async def test_another_backend_keeps_nothing_of_a_failed_insert(sqlite: AsyncSession) -> None:
    await sqlite.bulk_insert(Plain, [{"id": 1, "name": "one"}])
    with pytest.raises(DuplicateKeyError):
        await sqlite.bulk_insert(Plain, [{"id": 2, "name": "two"}, {"id": 1, "name": "again"}])
    await sqlite.commit()
    assert await plain(sqlite) == [(1, "one", None)]


async def test_a_savepoint_of_another_backend_does_not_commit(sqlite: AsyncSession) -> None:
    await sqlite.bulk_insert(Plain, [{"id": 1, "name": "one"}])
    await sqlite.rollback()
    assert await plain(sqlite) == []


async def test_another_backend_refuses_under_autocommit_what_it_cannot_undo(sqlite: AsyncSession) -> None:
    bind: Any = sqlite.bind
    async with AsyncSession(bind.execution_options(isolation_level="AUTOCOMMIT")) as other:
        with pytest.raises(NotSupportedError, match="insert in a transaction"):
            await other.bulk_insert(Plain, generated())
    assert await plain(sqlite) == []


async def test_the_message_of_a_large_failure_is_short(session: AsyncSession) -> None:
    rows = [{"id": number, "name": "x" * 100} for number in range(5_000)]
    rows[-1]["id"] = 0
    with pytest.raises(DuplicateKeyError) as caught:
        await session.bulk_insert(Plain, rows)
    first, *rest = str(caught.value).split("\n")
    assert first.endswith("(table plain, row 4999, column 'id')")
    assert rest[:2] == [
        "[SQL: INSERT INTO plain (id, name) VALUES ($1, $2)]",
        f"[parameters: (0, {'x' * 100!r})]",
    ]


async def test_a_default_that_looks_at_the_row(engine: AndamiosEngine) -> None:
    def double(context: Any) -> int:
        return int(context.get_current_parameters()["x"]) * 2

    table = Table("doubled", MetaData(), Column("x", Integer), Column("y", Integer, default=double))
    async with AsyncSession(engine) as session:
        connection = await session.connection()
        await connection.run_sync(table.create)
        assert await session.bulk_insert(table, [{"x": 1}, {"x": 2}]) == 2
        assert (await session.execute(select(table).order_by(table.c.x))).all() == [(1, 2), (2, 4)]

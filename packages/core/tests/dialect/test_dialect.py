"""The dialect as SQLAlchemy meets it: isolation, DDL, sequences, DML, schemas."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Sequence,
    String,
    Table,
    UniqueConstraint,
    exc,
    func,
    inspect,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.sql import column

from andamios_orm.core import AndamiosEngine, AsyncSession, DuckDBWarning, create_engine
from andamios_orm.core.dialect import AndamiosDialect
from andamios_orm.core.dialect.identifiers import RESERVED_WORDS, split_schema
from andamios_orm.core.errors import (
    ConfigurationError,
    OperationalError,
    ProgrammingError,
    SavepointNotSupportedError,
)


def ddl(table: Table, **options: Any) -> str:
    return re.sub(r"\s+", " ", str(CreateTable(table).compile(dialect=AndamiosDialect(**options)))).strip()


async def test_plain_sqlalchemy_finds_the_dialect(tmp_path: Path) -> None:
    engine = create_async_engine(f"duckdb+andamios:///{tmp_path}/x.db")
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 42")) == 42
        assert connection.dialect.default_schema_name == "main"
    await engine.dispose()
    assert (tmp_path / "x.db").exists()


class TestLifetime:
    async def test_memory_outlives_its_connections_and_ends_with_the_engine(
        self, engine: AndamiosEngine
    ) -> None:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE kept (i INTEGER)"))
        async with engine.connect() as connection:
            await connection.invalidate()
        async with engine.connect() as connection:
            assert await connection.run_sync(lambda sync: inspect(sync).has_table("kept"))
        await engine.dispose()
        async with engine.connect() as connection:
            assert not await connection.run_sync(lambda sync: inspect(sync).has_table("kept"))

    async def test_dispose_lets_go_of_the_file(self, file_engine: AndamiosEngine, tmp_path: Path) -> None:
        async with file_engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        await file_engine.dispose()
        other = create_engine(f"duckdb:///{tmp_path}/test.db?threads=1")
        async with other.connect() as connection:
            assert await connection.scalar(text("SELECT current_setting('threads')")) == 1
        await other.dispose()

    async def test_dispose_without_a_greenlet(self, file_engine: AndamiosEngine) -> None:
        async with file_engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        file_engine.sync_engine.dispose(close=False)

    async def test_two_engines_on_one_file(self, file_engine: AndamiosEngine, tmp_path: Path) -> None:
        second = create_engine(f"duckdb:///{tmp_path}/test.db")
        async with file_engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t AS SELECT 42 AS i"))
        async with second.connect() as connection:
            assert await connection.scalar(text("SELECT i FROM t")) == 42
        await second.dispose()

    async def test_a_fatal_error_gives_the_connection_up(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            raw.duckdb.close()  # type: ignore[union-attr] # our driver's connection
            with pytest.raises(OperationalError) as caught:
                await connection.execute(text("SELECT 1"))
        assert caught.value.connection_invalidated


class TestIsolation:
    async def test_levels(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            assert str(await connection.get_isolation_level()) == "SNAPSHOT"
            for level in ("AUTOCOMMIT", "READ ONLY", "SNAPSHOT"):
                await connection.execution_options(isolation_level=level)
                assert await connection.get_isolation_level() == level

    async def test_an_unknown_level_names_the_known(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            with pytest.raises(exc.ArgumentError, match="SNAPSHOT"):
                await connection.execution_options(isolation_level="SERIALIZABLE")

    async def test_read_only_is_enforced_and_given_back(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="READ ONLY")
            with pytest.raises(OperationalError, match="read-only"):
                await connection.execute(text("CREATE TABLE t (i INTEGER)"))
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t (i INTEGER)"))

    async def test_autocommit(self, engine: AndamiosEngine) -> None:
        auto = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with auto.connect() as connection:
            await connection.execute(text("CREATE TABLE t (i INTEGER)"))
            await connection.rollback()
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM t")) == 0

    async def test_no_savepoints(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine) as session:
            with pytest.raises(SavepointNotSupportedError, match="transaction of its own"):
                async with session.begin_nested():
                    await session.execute(text("SELECT 1"))


class TestKeys:
    def test_an_integer_key_gets_a_sequence(self) -> None:
        table = Table(
            "t", MetaData(), Column("id", Integer, primary_key=True), Column("x", Integer), schema="s"
        )
        assert ddl(table) == (
            "CREATE SEQUENCE IF NOT EXISTS s.t_id_seq; CREATE TABLE s.t ( "
            "id INTEGER DEFAULT nextval('s.t_id_seq') NOT NULL, x INTEGER, PRIMARY KEY (id) )"
        )
        dropped = str(DropTable(table).compile(dialect=AndamiosDialect()))
        assert dropped.split(";\n") == ["\nDROP TABLE s.t", "DROP SEQUENCE IF EXISTS s.t_id_seq"]

    @pytest.mark.parametrize(
        "key",
        [
            Column("id", String, primary_key=True),
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("id", Integer, primary_key=True, default=lambda: 7),
            Column("id", Integer, primary_key=True, server_default=text("7")),
            Column("id", Integer, Sequence("own"), primary_key=True),
        ],
    )
    def test_others_get_none(self, key: Column[Any]) -> None:
        assert "CREATE SEQUENCE" not in ddl(Table("t", MetaData(), key))

    def test_identity_is_mapped_to_a_sequence(self) -> None:
        key: Column[int] = Column(
            "id", BigInteger, Identity(always=True, start=7, increment=3, cache=9), primary_key=True
        )
        assert ddl(Table("t", MetaData(), key)).startswith(
            "CREATE SEQUENCE IF NOT EXISTS t_id_seq INCREMENT BY 3 START WITH 7; "
            "CREATE TABLE t ( id BIGINT DEFAULT nextval('t_id_seq')"
        )

    async def test_created_used_and_dropped(self, engine: AndamiosEngine) -> None:
        metadata = MetaData()
        table = Table("it's", metadata, Column("id", Integer, primary_key=True), Column("x", Integer))
        own = Table(
            "own",
            metadata,
            Column("id", Integer, Sequence("declared", start=10, metadata=metadata), primary_key=True),
        )
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(metadata.create_all)
            assert (await connection.execute(table.insert().values(x=1))).inserted_primary_key == (1,)
            assert (await connection.execute(own.insert())).inserted_primary_key == (10,)
            assert await connection.scalar(func.next_value(Sequence("declared"))) == 11
            await connection.run_sync(metadata.drop_all)
            assert await connection.run_sync(lambda sync: inspect(sync).get_sequence_names()) == []

    async def test_a_temporary_table_leaves_no_sequence_behind(self, engine: AndamiosEngine) -> None:
        table = Table("t", MetaData(), Column("id", Integer, primary_key=True), prefixes=["TEMPORARY"])
        async with engine.connect() as connection:
            await connection.run_sync(table.create)
            await connection.execute(table.insert())
            await connection.commit()
            await connection.invalidate()
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM duckdb_sequences()")) == 0


class TestForeignKeys:
    @pytest.fixture
    def child(self) -> Table:
        metadata = MetaData()
        Table("parent", metadata, Column("id", Integer, primary_key=True))
        return Table(
            "child",
            metadata,
            Column("parent_id", Integer, ForeignKey("parent.id", ondelete="CASCADE", onupdate="SET NULL")),
        )

    @pytest.mark.parametrize("mode", ["checked", "off"])
    def test_none_is_sent(self, child: Table, mode: str) -> None:
        assert ddl(child, foreign_keys=mode) == "CREATE TABLE child ( parent_id INTEGER )"

    def test_native_warns_of_what_it_leaves_out(self, child: Table) -> None:
        with pytest.warns(DuckDBWarning) as caught:
            assert ddl(child, foreign_keys="native").endswith(
                "FOREIGN KEY(parent_id) REFERENCES parent (id) )"
            )
        assert [re.search(r"ON \w+ [A-Z ]+(?=:)", str(warning.message))[0] for warning in caught] == [  # type: ignore[index] # both match
            "ON DELETE CASCADE",
            "ON UPDATE SET NULL",
        ]

    def test_native_without_actions_says_nothing(self) -> None:
        metadata = MetaData()
        Table("parent", metadata, Column("id", Integer, primary_key=True))
        child = Table(
            "child",
            metadata,
            Column("p", Integer),
            ForeignKeyConstraint(["p"], ["parent.id"], ondelete="RESTRICT", deferrable=True),
        )
        assert ddl(child, foreign_keys="native").endswith("FOREIGN KEY(p) REFERENCES parent (id) )")

    async def test_tables_that_refer_to_each_other(self, engine: AndamiosEngine) -> None:
        metadata = MetaData()
        Table(
            "a",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("b", ForeignKey("b.id", use_alter=True)),
        )
        Table("b", metadata, Column("id", Integer, primary_key=True), Column("a", ForeignKey("a.id")))
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(metadata.drop_all)


class TestColumns:
    async def test_numeric_without_precision_keeps_its_digits(self, engine: AndamiosEngine) -> None:
        table = Table("t", MetaData(), Column("x", Numeric))
        async with engine.begin() as connection:
            await connection.run_sync(table.create)
            await connection.execute(table.insert().values(x=Decimal("1.2345678901")))
            assert await connection.scalar(select(table.c.x)) == Decimal("1.2345678901")

    def test_computed(self) -> None:
        table = Table("t", MetaData(), Column("a", Integer), Column("b", Integer, Computed("a * 2")))
        assert ddl(table).endswith("b INTEGER GENERATED ALWAYS AS (a * 2) )")

    def test_computed_and_stored_is_refused(self) -> None:
        table = Table(
            "t", MetaData(), Column("a", Integer), Column("b", Integer, Computed("a * 2", persisted=True))
        )
        with pytest.raises(exc.CompileError, match="cannot store them"):
            ddl(table)

    def test_defaults_checks_and_keys(self) -> None:
        table = Table(
            "t",
            MetaData(),
            Column("a", Integer, server_default="5", nullable=False),
            CheckConstraint("a > 0", name="positive"),
            UniqueConstraint("a", name="once", deferrable=True),
        )
        assert ddl(table) == (
            "CREATE TABLE t ( a INTEGER DEFAULT '5' NOT NULL, CONSTRAINT positive CHECK (a > 0), "
            "CONSTRAINT once UNIQUE (a) )"
        )

    async def test_comments_and_indexes(self, engine: AndamiosEngine) -> None:
        metadata = MetaData()
        table = Table("t", metadata, Column("a", Integer, comment="it's a"), comment="the table")
        Index("ix_a", table.c.a)
        Index("ix_expression", table.c.a * 2, unique=True)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            found = await connection.run_sync(
                lambda sync: (
                    inspect(sync).get_table_comment("t")["text"],
                    inspect(sync).get_columns("t")[0]["comment"],
                    sorted(str(index["name"]) for index in inspect(sync).get_indexes("t")),
                )
            )
        assert found == ("the table", "it's a", ["ix_a", "ix_expression"])

    async def test_a_generated_column_that_is_not_optional(self, engine: AndamiosEngine) -> None:
        """DuckDB takes no NOT NULL on it."""
        table = Table(
            "t", MetaData(), Column("a", Integer), Column("b", Integer, Computed("a * 2"), nullable=False)
        )
        async with engine.begin() as connection:
            await connection.run_sync(table.create)

    async def test_a_moment_with_its_time_zone(self, engine: AndamiosEngine) -> None:
        table = Table("t", MetaData(), Column("at", DateTime(timezone=True)))
        moment = datetime(2026, 5, 17, 12, 30, tzinfo=timezone(timedelta(hours=2)))
        async with engine.begin() as connection:
            await connection.run_sync(table.create)
            await connection.execute(table.insert().values(at=moment))
            found = await connection.scalar(select(table.c.at))
        assert found == moment
        assert found.astimezone(UTC).hour == 10


class TestStatements:
    async def test_a_lock_is_refused_with_the_reason(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            with pytest.raises(exc.CompileError, match="no row locks"):
                await connection.execute(select(column("x")).with_for_update())

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            (func.coalesce("abcd").regexp_match("b.d"), True),
            (~func.coalesce("abcd").regexp_match("^b"), True),
            (func.coalesce("ABCD").regexp_match("b.d", flags="i"), True),
            (func.coalesce(5, type_=Integer).bitwise_xor(3), 6),
            (func.coalesce(9007199254740993, type_=BigInteger) // 1, 9007199254740993),
            (func.coalesce(7.5, type_=Float) // 2, 3.0),
            (literal_column("'a'").in_([]), False),
            (literal_column("'2013-01-31'::DATE").not_in([]), True),
            (tuple_(literal_column("'a'"), func.coalesce(5, type_=Integer)).in_([]), False),
        ],
    )
    async def test_operators(self, engine: AndamiosEngine, expression: Any, expected: Any) -> None:
        async with engine.connect() as connection:
            assert await connection.scalar(select(expression)) == expected

    async def test_rowcount(self, engine: AndamiosEngine) -> None:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE t AS SELECT range AS i FROM range(5)"))
            table = Table("t", MetaData(), Column("i", BigInteger))
            assert (await connection.execute(table.update().where(table.c.i > 2).values(i=9))).rowcount == 2
            assert (
                await connection.execute(table.delete().where(table.c.i == 9).returning(table.c.i))
            ).rowcount == 2

    async def test_a_stale_version_is_noticed(self, engine: AndamiosEngine) -> None:
        class Base(DeclarativeBase):
            pass

        class Note(Base):
            __tablename__ = "note"
            id: Mapped[int] = mapped_column(primary_key=True)
            body: Mapped[str]
            version: Mapped[int] = mapped_column()
            __mapper_args__ = {"version_id_col": version}  # SQLAlchemy's own form

        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as first, AsyncSession(engine) as second:
            first.add(Note(body="a"))
            await first.commit()
            mine, theirs = await first.get_one(Note, 1), await second.get_one(Note, 1)
            await first.commit()
            theirs.body = "b"
            await second.commit()
            mine.body = "c"
            with pytest.raises(StaleDataError):
                await first.commit()


class TestNames:
    @pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
    def test_reserved_words_are_quoted(self, word: str) -> None:
        assert f'CREATE TABLE "{word}"' in ddl(Table(word, MetaData(), Column("x", Integer)))

    async def test_every_keyword_may_name_a_table_and_a_column(self, engine: AndamiosEngine) -> None:
        async with engine.begin() as connection:
            words = (
                (await connection.execute(text("SELECT DISTINCT keyword_name FROM duckdb_keywords()")))
                .scalars()
                .all()
            )
            metadata = MetaData()
            tables = [Table(word, metadata, Column(word, Integer)) for word in words]
            await connection.run_sync(lambda sync: metadata.create_all(sync, checkfirst=False))
            for table in tables:
                assert (await connection.execute(select(table.c[table.name].label(table.name)))).all() == []

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("s", (None, "s")),
            ("db.s", ("db", "s")),
            ('"my.db"."my ""s"""', ("my.db", 'my "s"')),
            ('"a.b"', (None, "a.b")),
            ("a.b.c", (None, "a.b.c")),
            ('a"b', (None, 'a"b')),
        ],
    )
    def test_schemas_may_name_a_catalog(self, name: str, parts: tuple[str | None, str]) -> None:
        assert split_schema(name) == parts

    async def test_a_table_in_another_catalog(self, engine: AndamiosEngine, tmp_path: Path) -> None:
        table = Table("t", MetaData(), Column("id", Integer, primary_key=True), schema="other.main")
        async with engine.begin() as connection:
            await connection.execute(text(f"ATTACH '{tmp_path}/other.db' AS other"))
        async with engine.begin() as connection:
            await connection.run_sync(table.create)
            await connection.execute(table.insert(), [{"id": 1}, {"id": 2}])
            assert await connection.scalar(text("SELECT count(*) FROM other.main.t")) == 2

    async def test_percent_and_colon_in_names(self, engine: AndamiosEngine) -> None:
        table = Table("t", MetaData(), Column("a%b", Integer), Column("c:d", Integer))
        async with engine.begin() as connection:
            await connection.run_sync(table.create)
            await connection.execute(table.insert(), [{"a%b": 1, "c:d": 2}, {"a%b": 3, "c:d": 4}])
            assert (await connection.execute(select(table).where(table.c["a%b"] == 3))).one() == (3, 4)


def test_a_host_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no host"):
        create_engine("duckdb://localhost/x.db")


async def test_an_error_in_the_sql_is_a_programming_error(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError, match="nowhere"):
            await connection.execute(text("SELECT * FROM nowhere"))


async def test_text_is_compared_with_json_as_json(engine: AndamiosEngine) -> None:
    table = Table("t", MetaData(), Column("x", JSON))
    async with engine.begin() as connection:
        await connection.run_sync(table.create)
        await connection.execute(table.insert(), [{"x": "a"}, {"x": {"k": 1}}])
        assert (await connection.execute(select(table.c.x).where(table.c.x == "a"))).scalars().all() == ["a"]


async def test_a_savepoint_of_a_connection_is_refused(engine: AndamiosEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(SavepointNotSupportedError):
            await connection.begin_nested()


async def test_pre_ping_needs_no_statement() -> None:
    engine = create_engine("duckdb:///:memory:", pool_pre_ping=True)
    for _ in range(2):
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    await engine.dispose()


async def test_a_rollback_under_autocommit_may_be_spared() -> None:
    engine = create_engine("duckdb:///:memory:", skip_autocommit_rollback=True, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0
    await engine.dispose()


async def test_a_level_of_the_engine_comes_back_after_another(engine: AndamiosEngine) -> None:
    reader = create_engine("duckdb:///:memory:", isolation_level="READ ONLY")
    async with reader.connect() as connection:
        await connection.execution_options(isolation_level="SNAPSHOT")
        await connection.execute(text("CREATE TABLE t (i INTEGER)"))
    async with reader.connect() as connection:
        assert str(await connection.get_isolation_level()) == "READ ONLY"
    await reader.dispose()


async def test_rows_that_refer_to_their_own_table(native_engine: AndamiosEngine) -> None:
    """The engine does not find a key that the same statement writes."""
    tree = Table(
        "tree", MetaData(), Column("id", Integer, primary_key=True), Column("up", ForeignKey("tree.id"))
    )
    async with AsyncSession(native_engine) as session:
        connection = await session.connection()
        await connection.run_sync(tree.create)
        await connection.execute(tree.insert(), [{"id": 1, "up": None}, {"id": 2, "up": 1}])
        result = await connection.execute(
            tree.insert().returning(tree.c.id), [{"id": 3, "up": 2}, {"id": 4, "up": 3}]
        )
        assert result.scalars().all() == [3, 4]
        assert await session.bulk_insert(tree, [{"id": 5, "up": 4}, {"id": 6, "up": 5}]) == 2

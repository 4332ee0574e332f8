"""Repositories that cannot write."""

from __future__ import annotations

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import AndamiosError, ConfigurationError, NoCurrentSessionError
from andamios_orm.repositories import ReadOnlyRepository

from .models import Person


class People(ReadOnlyRepository[Person]):
    pass


@pytest.mark.parametrize(
    "name",
    [
        "create",
        "create_many",
        "delete",
        "delete_many",
        "delete_where",
        "get_or_create",
        "update",
        "update_many",
        "update_or_create",
        "update_where",
        "upsert",
        "upsert_many",
    ],
)
def test_it_has_no_methods_that_write(name: str) -> None:
    assert not hasattr(People, name)


async def test_a_session_that_may_write_is_refused(session: AsyncSession) -> None:
    people = People(session)
    with pytest.raises(ConfigurationError) as caught:
        await people.list()
    assert str(caught.value) == (
        "People wants a session that cannot write: SessionManager(engine, read_only=True)"
    )


async def test_the_current_session_may_be_one_that_may_write(filled_engine: AndamiosEngine) -> None:
    async with SessionManager(filled_engine):
        with pytest.raises(ConfigurationError, match="wants a session that cannot write"):
            await People().count()


async def test_the_current_session_is_taken(filled_engine: AndamiosEngine) -> None:
    async with SessionManager(filled_engine, read_only=True):
        assert await People().count() == 5
    with pytest.raises(NoCurrentSessionError):
        await People().count()


async def test_the_database_refuses_what_its_query_writes(filled_engine: AndamiosEngine) -> None:
    with pytest.raises(AndamiosError):
        async with SessionManager(filled_engine, read_only=True) as session:
            await People(session).query().delete(all_rows=True)
    async with SessionManager(filled_engine, read_only=True) as session:
        assert await People(session).count() == 5

"""Attributes that are not loaded, of objects in no session."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.exc import DetachedInstanceError

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.models import LazyLoadError
from andamios_orm.repositories.active_record.detached import DetachedLoadError

from .record_models import Club, Member, bound


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine with a club and its member."""
    async with bound(engine) as engine:
        await Club.create(id=1, name="red", members=[Member(id=1, name="ada", bio="wrote programs")])
        yield engine


@pytest.mark.parametrize("name", ["bio", "club"])
async def test_the_error_names_the_remedy(engine: AndamiosEngine, name: str) -> None:
    ada = (await Member.all())[0]
    with pytest.raises(
        DetachedLoadError, match=rf'Member.{name} is not loaded.*await obj.refresh\("{name}"\)'
    ) as caught:
        getattr(ada, name)
    assert isinstance(caught.value, LazyLoadError)
    assert isinstance(caught.value, DetachedInstanceError)
    assert (caught.value.model, caught.value.attribute) == ("Member", name)
    with pytest.raises(DetachedLoadError):
        await getattr(ada.awaitable_attrs, name)
    await ada.refresh(name)
    assert getattr(ada, name) is not None


async def test_collections(engine: AndamiosEngine) -> None:
    red = await Club.find(1)
    assert red is not None
    with pytest.raises(DetachedLoadError, match=r'Club.find\(key, load="members"\)'):
        red.members.append(Member(name="bob"))
    (red,) = await Club.where().options(selectinload(Club.members)).all()
    assert [each.name for each in red.members] == ["ada"]


async def test_columns_that_have_expired(engine: AndamiosEngine) -> None:
    async with SessionManager(engine) as session:
        ada = await Member.find(1)
        assert ada is not None
        session.expire(ada)
    with pytest.raises(DetachedLoadError, match=r"Member.age is not loaded"):
        _ = ada.name
    await ada.refresh()
    assert ada.name == "ada"


async def test_in_a_session_the_error_is_that_of_models(engine: AndamiosEngine) -> None:
    async with SessionManager(engine):
        ada = await Member.find(1)
        assert ada is not None
        with pytest.raises(LazyLoadError) as caught:
            _ = ada.club
        assert not isinstance(caught.value, DetachedLoadError)
        red = await ada.awaitable_attrs.club
        assert red.name == "red"


def test_the_error_travels() -> None:
    error = pickle.loads(pickle.dumps(DetachedLoadError("Member", "bio")))
    assert (error.attribute, str(error)) == ("bio", str(DetachedLoadError("Member", "bio")))

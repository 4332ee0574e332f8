"""The row that a stale write is told of."""

from __future__ import annotations

import pickle

import pytest

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import StaleVersionError

from .models import Document, facts, touch


async def test_the_error_says_what_to_do(tables: AndamiosEngine) -> None:
    async with AsyncSession(tables) as session:
        document = await session.get_one(Document, 1)
        await session.commit()
        await touch(tables)
        document.title = "b"
        with pytest.raises(StaleVersionError) as caught:
            await session.commit()
    assert str(caught.value).splitlines()[0] == (
        "Document 1 was changed since it was read: it had version 1, and now it has version 2. Load it "
        "again, and repeat the change"
    )
    assert not caught.value.retryable
    assert facts(pickle.loads(pickle.dumps(caught.value))) == ("Document", 1, 1, 2)

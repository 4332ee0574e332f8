"""Tenants that share tables and never see each other, authors who change their own texts, and counted calls.

Run it with ``python examples/advanced/tenancy.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from andamios_orm.core import NotFoundError, SessionManager, ValidationError, create_memory_engine, run
from andamios_orm.models import IntegerKey, TimestampedModel, actor, create_all, current_actor
from andamios_orm.repositories import (
    GenericRepository,
    Kind,
    Operation,
    Proceed,
    TenantScope,
    tenant,
)

T = TypeVar("T")

engine = create_memory_engine()
calls: Counter[str] = Counter()


class Article(IntegerKey, TimestampedModel):
    """A text of a tenant, by one of its authors."""

    __table_args__ = (UniqueConstraint("tenant_id", "title"),)

    tenant_id: Mapped[str]
    author: Mapped[str]
    title: Mapped[str]


class OwnTexts:
    """Everybody reads all texts of the tenant; only their author changes them."""

    def conditions(self, model: type[Any], kind: Kind) -> Iterable[Any]:
        """Return what holds for the texts that may be read, updated or deleted."""
        return [] if kind == "read" else [{"author": current_actor()}]

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        """Return nothing: an editor may write for somebody else."""
        return {}


async def counted(operation: Operation, proceed: Proceed) -> Any:
    """Count the calls that succeed."""
    result = await proceed()
    calls[operation.name] += 1
    return result


class TenantRepository(GenericRepository[T], plugins=[TenantScope("tenant_id"), counted]):
    """What all repositories of this application have in common."""


class Articles(TenantRepository[Article], plugins=[OwnTexts()]):
    """The texts of the current tenant."""


async def main() -> None:
    """Write as two tenants, and try to get at what belongs to the other one."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        articles = Articles(session)
        with tenant("north"), actor("ada"):
            await articles.create(title="Bridges", author="ada")
            await articles.create_many([{"title": f"Notes {n}", "author": "ben"} for n in range(3)])
        with tenant("south"), actor("eve"):
            await articles.create(title="Bridges", author="eve")
            print("south sees", [article.tenant_id for article in await articles.list()])
            print("by key:", await articles.get_by_id(1), "· deleted:", await articles.delete(1))
            try:
                await articles.create(title="Gift", author="eve", tenant_id="north")
            except ValidationError as error:
                print("refused:", error)

    async with SessionManager(engine) as session:
        articles = Articles(session)
        with tenant("north"), actor("ada"):
            deleted = await articles.delete_where({}, all=True)
            print("ada deletes", deleted, "and sees", await articles.count())
            try:
                await articles.update(2, title="Mine")
            except NotFoundError as error:
                print("refused:", error)
    print("calls:", dict(calls))


run(main())

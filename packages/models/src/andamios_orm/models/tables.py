"""Create and drop the tables and views of models."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.schema import CheckFirst

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.declarative import BaseModel

__all__ = ["create_all", "drop_all"]


async def create_all(engine: AsyncEngine, base: type[DeclarativeBase] | MetaData = BaseModel) -> None:
    """Create the tables and views of all models that are not there yet, in one transaction.

    A table that is there is left as it is, whatever its columns: changing one is a migration's business. A
    view is replaced, so that it is what its class says.

    Args:
        engine: Where.
        base: The base of the models, or a ``MetaData``. Only models whose modules were imported are known.

    Raises:
        ConfigurationError: ``base`` is neither.
    """
    metadata = _metadata(base)
    found = CheckFirst.ALL & ~CheckFirst.VIEWS
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=found)


async def drop_all(engine: AsyncEngine, base: type[DeclarativeBase] | MetaData = BaseModel) -> None:
    """Drop the tables and views of all models that are there, with everything in them, in one transaction.

    Args:
        engine: Where.
        base: The base of the models, or a ``MetaData``.

    Raises:
        ConfigurationError: ``base`` is neither.
    """
    async with engine.begin() as connection:
        await connection.run_sync(_metadata(base).drop_all)


def _metadata(base: Any) -> MetaData:
    metadata = base if isinstance(base, MetaData) else getattr(base, "metadata", None)
    if not isinstance(metadata, MetaData):
        raise ConfigurationError(f"give the base of your models, or its MetaData, not {base!r}")
    return metadata

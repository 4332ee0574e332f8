"""Typed data access: what application code says to the database every day."""

from andamios_orm.repositories.__about__ import __version__
from andamios_orm.repositories.interface import IRepository
from andamios_orm.repositories.read_only import ReadOnlyRepository
from andamios_orm.repositories.repositories import BaseRepository, GenericRepository
from andamios_orm.repositories.soft_delete import SoftDeleteRepository
from andamios_orm.repositories.unit_of_work import UnitOfWork
from andamios_orm.repositories.upserts import UpsertCounts

__all__ = [
    "BaseRepository",
    "GenericRepository",
    "IRepository",
    "ReadOnlyRepository",
    "SoftDeleteRepository",
    "UnitOfWork",
    "UpsertCounts",
    "__version__",
]

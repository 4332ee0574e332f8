"""Typed data access: what application code says to the database every day."""

from andamios_orm.repositories.__about__ import __version__
from andamios_orm.repositories.active_record.active_record import ActiveRecord
from andamios_orm.repositories.active_record.binding import NotBoundError
from andamios_orm.repositories.active_record.detached import DetachedLoadError
from andamios_orm.repositories.cached import CachedRepository
from andamios_orm.repositories.fixtures.counts import LoadCounts
from andamios_orm.repositories.fixtures.dumping import dump_fixture
from andamios_orm.repositories.fixtures.loading import load_fixture
from andamios_orm.repositories.interface import IRepository
from andamios_orm.repositories.outbox.messages import OutboxMessage
from andamios_orm.repositories.outbox.relay import DeliveryCounts, OutboxRelay
from andamios_orm.repositories.plugins.plugins import Kind, Middleware, Operation, Plugin, Proceed, Scope
from andamios_orm.repositories.plugins.tenancy import TenantScope, current_tenant, tenant
from andamios_orm.repositories.read_only import ReadOnlyRepository
from andamios_orm.repositories.relationships.relationships import RelationshipCounts
from andamios_orm.repositories.repositories import BaseRepository, GenericRepository
from andamios_orm.repositories.soft_delete import SoftDeleteRepository
from andamios_orm.repositories.transactions import transactional
from andamios_orm.repositories.unit_of_work import UnitOfWork
from andamios_orm.repositories.upserts import UpsertCounts

__all__ = [
    "ActiveRecord",
    "BaseRepository",
    "CachedRepository",
    "DeliveryCounts",
    "DetachedLoadError",
    "GenericRepository",
    "IRepository",
    "Kind",
    "LoadCounts",
    "Middleware",
    "NotBoundError",
    "Operation",
    "OutboxMessage",
    "OutboxRelay",
    "Plugin",
    "Proceed",
    "ReadOnlyRepository",
    "RelationshipCounts",
    "Scope",
    "SoftDeleteRepository",
    "TenantScope",
    "UnitOfWork",
    "UpsertCounts",
    "__version__",
    "current_tenant",
    "dump_fixture",
    "load_fixture",
    "tenant",
    "transactional",
]

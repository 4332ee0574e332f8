"""The async engine room of Andamios ORM: DuckDB's dialect, engines, sessions and errors."""

from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

from andamios_orm.core.__about__ import __version__
from andamios_orm.core.connections import ConnectionManager, PoolStatistics
from andamios_orm.core.dialect.compiler import DuckDBWarning
from andamios_orm.core.engine import AndamiosEngine, create_engine, create_file_engine, create_memory_engine
from andamios_orm.core.errors import AndamiosError
from andamios_orm.core.resilience import ConnectionResilience
from andamios_orm.core.runner import run
from andamios_orm.core.session import AsyncSession, SessionManager, current_session
from andamios_orm.core.transactions import TransactionManager, transactional

if TYPE_CHECKING:
    from andamios_orm.core.audit import AuditLogger
    from andamios_orm.core.cache import CacheManager, CachePolicy
    from andamios_orm.core.health import HealthChecker, HealthState, HealthStatus, PoolHealth
    from andamios_orm.core.logs import RedactingFilter, configure_logging, correlation_id
    from andamios_orm.core.metrics import MetricsCollector
    from andamios_orm.core.progress import rich_progress
    from andamios_orm.core.prometheus import PrometheusCollector
    from andamios_orm.core.settings import DatabaseSettings
    from andamios_orm.core.slow_queries import SlowQueryLog
    from andamios_orm.core.tracing import Telemetry
else:
    from andamios_orm.core._deferred import __getattr__  # noqa: F401 # Python asks the module for it

__all__ = [
    "AndamiosEngine",
    "AndamiosError",
    "AsyncSession",
    "AuditLogger",
    "CacheManager",
    "CachePolicy",
    "ConnectionManager",
    "ConnectionResilience",
    "DatabaseSettings",
    "DuckDBWarning",
    "HealthChecker",
    "HealthState",
    "HealthStatus",
    "MetricsCollector",
    "PoolHealth",
    "PoolStatistics",
    "PrometheusCollector",
    "RedactingFilter",
    "SessionManager",
    "SlowQueryLog",
    "Telemetry",
    "TransactionManager",
    "__version__",
    "configure_logging",
    "correlation_id",
    "create_engine",
    "create_file_engine",
    "create_memory_engine",
    "current_session",
    "insert",
    "rich_progress",
    "run",
    "transactional",
]

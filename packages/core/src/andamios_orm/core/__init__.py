"""The engine room of Andamios ORM: DuckDB made async, sessions, transactions, and what production needs."""

from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

from andamios_orm.core.__about__ import (
    __version__,
)
from andamios_orm.core.connections import (
    ConnectionManager,
    PoolStatistics,
)
from andamios_orm.core.dialect.compiler import (
    DuckDBWarning,
)
from andamios_orm.core.dialect.progress import (
    ProgressCallback,
)
from andamios_orm.core.engine import (
    AndamiosEngine,
    create_engine,
    create_file_engine,
    create_memory_engine,
)
from andamios_orm.core.errors import (
    AndamiosError,
    CheckError,
    ConfigurationError,
    DatabaseError,
    DatabaseLockedError,
    DataError,
    DuplicateKeyError,
    ForeignKeyError,
    IntegrityError,
    InternalError,
    MultipleResultsError,
    NoCurrentSessionError,
    NotFoundError,
    NotNullError,
    NotSupportedError,
    OperationalError,
    PoolTimeoutError,
    ProgrammingError,
    QueryTimeoutError,
    RetriesExhaustedError,
    SavepointNotSupportedError,
    StaleVersionError,
    TransactionAbortedError,
    TransactionConflictError,
    ValidationError,
)
from andamios_orm.core.resilience import (
    ConnectionResilience,
)
from andamios_orm.core.runner import (
    run,
)
from andamios_orm.core.session import (
    AsyncSession,
    SessionManager,
    current_session,
)
from andamios_orm.core.transactions import (
    TransactionManager,
    transactional,
)

if TYPE_CHECKING:
    from andamios_orm.core.audit.hash_chain import (
        ChainHead,
    )
    from andamios_orm.core.audit.logger import (
        AuditLogger,
        AuditReport,
        AuditSink,
    )
    from andamios_orm.core.audit.records import (
        AuditRecord,
        audit_table,
    )
    from andamios_orm.core.cache.cache import (
        CacheManager,
        CachePolicy,
        CacheStatistics,
    )
    from andamios_orm.core.events.bus import (
        EventBus,
        Subscription,
        events_of,
        model_events,
    )
    from andamios_orm.core.events.handlers import (
        Handler,
    )
    from andamios_orm.core.events.types import (
        AfterCommit,
        AfterDelete,
        AfterExecute,
        AfterInsert,
        AfterLoad,
        AfterRollback,
        AfterUpdate,
        BeforeCommit,
        BeforeDelete,
        BeforeExecute,
        BeforeInsert,
        BeforeUpdate,
        ConnectionAcquired,
        ConnectionClosed,
        ConnectionOpened,
        ConnectionReleased,
        Event,
        ModelEvent,
        TransactionBegin,
    )
    from andamios_orm.core.middleware import (
        CallNext,
        Middleware,
        StatementExecution,
        StatementMiddleware,
        middleware_of,
    )
    from andamios_orm.core.observability.health import (
        HealthChecker,
        HealthState,
        HealthStatus,
        PoolHealth,
    )
    from andamios_orm.core.observability.logs import (
        JSONFormatter,
        RedactingFilter,
        configure_logging,
        correlation_id,
        current_correlation_id,
    )
    from andamios_orm.core.observability.metrics import (
        MetricsCollector,
        MetricsSnapshot,
        StatementMetrics,
    )
    from andamios_orm.core.observability.progress import (
        rich_progress,
    )
    from andamios_orm.core.observability.prometheus import (
        PrometheusCollector,
    )
    from andamios_orm.core.observability.slow_queries import (
        SlowQueryLog,
    )
    from andamios_orm.core.observability.tracing import (
        Telemetry,
    )
    from andamios_orm.core.settings import (
        DatabaseSettings,
    )
else:
    from andamios_orm.core._deferred import __dir__, __getattr__  # noqa: F401 # Python asks for them

__all__ = [
    "AfterCommit",
    "AfterDelete",
    "AfterExecute",
    "AfterInsert",
    "AfterLoad",
    "AfterRollback",
    "AfterUpdate",
    "AndamiosEngine",
    "AndamiosError",
    "AsyncSession",
    "AuditLogger",
    "AuditRecord",
    "AuditReport",
    "AuditSink",
    "BeforeCommit",
    "BeforeDelete",
    "BeforeExecute",
    "BeforeInsert",
    "BeforeUpdate",
    "CacheManager",
    "CachePolicy",
    "CacheStatistics",
    "CallNext",
    "ChainHead",
    "CheckError",
    "ConfigurationError",
    "ConnectionAcquired",
    "ConnectionClosed",
    "ConnectionManager",
    "ConnectionOpened",
    "ConnectionReleased",
    "ConnectionResilience",
    "DataError",
    "DatabaseError",
    "DatabaseLockedError",
    "DatabaseSettings",
    "DuckDBWarning",
    "DuplicateKeyError",
    "Event",
    "EventBus",
    "ForeignKeyError",
    "Handler",
    "HealthChecker",
    "HealthState",
    "HealthStatus",
    "IntegrityError",
    "InternalError",
    "JSONFormatter",
    "MetricsCollector",
    "MetricsSnapshot",
    "Middleware",
    "ModelEvent",
    "MultipleResultsError",
    "NoCurrentSessionError",
    "NotFoundError",
    "NotNullError",
    "NotSupportedError",
    "OperationalError",
    "PoolHealth",
    "PoolStatistics",
    "PoolTimeoutError",
    "ProgrammingError",
    "ProgressCallback",
    "PrometheusCollector",
    "QueryTimeoutError",
    "RedactingFilter",
    "RetriesExhaustedError",
    "SavepointNotSupportedError",
    "SessionManager",
    "SlowQueryLog",
    "StaleVersionError",
    "StatementExecution",
    "StatementMetrics",
    "StatementMiddleware",
    "Subscription",
    "Telemetry",
    "TransactionAbortedError",
    "TransactionBegin",
    "TransactionConflictError",
    "TransactionManager",
    "ValidationError",
    "__version__",
    "audit_table",
    "configure_logging",
    "correlation_id",
    "create_engine",
    "create_file_engine",
    "create_memory_engine",
    "current_correlation_id",
    "current_session",
    "events_of",
    "insert",
    "middleware_of",
    "model_events",
    "rich_progress",
    "run",
    "transactional",
]

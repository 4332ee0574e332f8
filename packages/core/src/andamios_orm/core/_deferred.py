"""The names of the facade that are imported when they are asked for: services that not every program uses."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["__dir__", "__getattr__"]

_NAMES = {
    "audit.hash_chain": ("ChainHead",),
    "audit.logger": (
        "AuditLogger",
        "AuditReport",
        "AuditSink",
    ),
    "audit.records": (
        "AuditRecord",
        "audit_table",
    ),
    "cache.cache": (
        "CacheManager",
        "CachePolicy",
        "CacheStatistics",
    ),
    "events.bus": (
        "EventBus",
        "Subscription",
        "events_of",
        "model_events",
    ),
    "events.handlers": ("Handler",),
    "events.types": (
        "AfterCommit",
        "AfterDelete",
        "AfterExecute",
        "AfterInsert",
        "AfterLoad",
        "AfterRollback",
        "AfterUpdate",
        "BeforeCommit",
        "BeforeDelete",
        "BeforeExecute",
        "BeforeInsert",
        "BeforeUpdate",
        "ConnectionAcquired",
        "ConnectionClosed",
        "ConnectionOpened",
        "ConnectionReleased",
        "Event",
        "ModelEvent",
        "TransactionBegin",
    ),
    "middleware": (
        "CallNext",
        "Middleware",
        "StatementExecution",
        "StatementMiddleware",
        "middleware_of",
    ),
    "observability.health": (
        "HealthChecker",
        "HealthState",
        "HealthStatus",
        "PoolHealth",
    ),
    "observability.logs": (
        "JSONFormatter",
        "RedactingFilter",
        "configure_logging",
        "correlation_id",
        "current_correlation_id",
    ),
    "observability.metrics": (
        "MetricsCollector",
        "MetricsSnapshot",
        "StatementMetrics",
    ),
    "observability.progress": ("rich_progress",),
    "observability.prometheus": ("PrometheusCollector",),
    "observability.slow_queries": ("SlowQueryLog",),
    "observability.tracing": ("Telemetry",),
    "settings": ("DatabaseSettings",),
}
"""Which names each module of the package offers to the facade."""

_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'andamios_orm.core' has no attribute {name!r}")
    return getattr(import_module(f"andamios_orm.core.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*vars(import_module("andamios_orm.core")), *_MODULES})

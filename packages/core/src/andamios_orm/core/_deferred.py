"""The names of the facade that are imported when they are asked for: services that not every program uses."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["__getattr__"]

_MODULES = {
    "AuditLogger": "audit",
    "CacheManager": "cache",
    "CachePolicy": "cache",
    "DatabaseSettings": "settings",
    "HealthChecker": "health",
    "HealthState": "health",
    "HealthStatus": "health",
    "MetricsCollector": "metrics",
    "PoolHealth": "health",
    "PrometheusCollector": "prometheus",
    "RedactingFilter": "logs",
    "SlowQueryLog": "slow_queries",
    "Telemetry": "tracing",
    "configure_logging": "logs",
    "correlation_id": "logs",
    "rich_progress": "progress",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'andamios_orm.core' has no attribute {name!r}")
    return getattr(import_module(f"andamios_orm.core.{module}"), name)

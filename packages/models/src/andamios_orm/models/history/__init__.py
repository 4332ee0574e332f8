"""Record every version of a row, and who made it."""

from __future__ import annotations

from andamios_orm.models.history.mixin import AuditMixin
from andamios_orm.models.history.versions import Operation, Version

__all__ = ["AuditMixin", "Operation", "Version"]

"""An append-only log of who accessed which data, in a chain of hashes."""

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

__all__ = [
    "AuditLogger",
    "AuditRecord",
    "AuditReport",
    "AuditSink",
    "ChainHead",
    "audit_table",
]

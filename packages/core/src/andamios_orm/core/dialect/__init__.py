"""DuckDB for SQLAlchemy's asyncio layer: the dialect ``duckdb+andamios`` and what it stands on."""

from andamios_orm.core.dialect.dialect import AndamiosDialect

__all__ = ["AndamiosDialect"]

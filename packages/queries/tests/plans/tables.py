"""The big table of the tests of plans, and statements that others need too."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, String, Table

__all__ = ["measure"]

measure = Table(
    "measure",
    MetaData(),
    Column("number", BigInteger),
    Column("mixed", BigInteger),
    Column("half", Integer),
    Column("moment", DateTime),
    Column("word", String),
)

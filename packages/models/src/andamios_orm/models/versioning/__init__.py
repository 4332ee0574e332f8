"""Rows that are written only as long as they are what they were when they were read."""

from andamios_orm.models.versioning.mixin import VersioningMixin

__all__ = ["VersioningMixin"]

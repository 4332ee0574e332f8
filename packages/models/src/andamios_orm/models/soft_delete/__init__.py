"""Rows that are marked as deleted instead of being removed."""

from andamios_orm.models.soft_delete.mixin import SoftDeleteMixin, SoftDeleteModel

__all__ = ["SoftDeleteMixin", "SoftDeleteModel"]

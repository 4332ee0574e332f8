"""Foreign keys that are checked before the commit, not by the engine."""

from andamios_orm.core.integrity.references import constraints_to

__all__ = ["constraints_to"]

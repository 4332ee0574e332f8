"""The command ``andamios-orm``."""

from andamios_orm.core.cli.script import main

__all__ = ["main"]

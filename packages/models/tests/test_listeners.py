"""What models listen to: nothing, before there is one that needs it."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json
from sqlalchemy import Column, Engine
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models import AuditMixin, BaseModel, SoftDeleteModel, VersioningMixin

def listening():
    modules = set()
    for target in (Engine, UnitOfWork, Column):
        for name in target.dispatch._event_names:
            listeners = getattr(target.dispatch, name)._clslevel.get(target, ())
            modules |= {getattr(listener, "__wrapped__", listener).__module__ for listener in listeners}
    rooms = ("lazy_loading", "soft_delete", "versioning", "history")
    return sorted({room for module in modules for room in rooms if f"models.{room}" in module})

told = [listening()]
class Plain(BaseModel): pass
told.append(listening())
class Soft(SoftDeleteModel): pass
told.append(listening())
class Versioned(VersioningMixin, BaseModel): pass
told.append(listening())
class Recorded(AuditMixin, BaseModel): pass
told.append(listening())
print(json.dumps(told))
"""


def test_each_room_begins_with_its_first_model() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, timeout=120)
    assert json.loads(ran.stdout) == [
        [],
        ["lazy_loading"],
        ["lazy_loading", "soft_delete"],
        ["lazy_loading", "soft_delete", "versioning"],
        ["history", "lazy_loading", "soft_delete", "versioning"],
    ]

"""Pydantic models of a model: what comes in, what changes, what goes out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, PydanticModelAdapter, TimestampMixin, create_all, schema_for


class Project(TimestampMixin, BaseModel):
    """A piece of work, which knows when it was made and changed."""

    name: Mapped[Annotated[str, Field(max_length=40)]] = mapped_column(doc="What people call it")
    stars: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=0)
    documents: Mapped[list[Document]] = relationship(back_populates="project")


class Document(BaseModel):
    """A file of a project."""

    path: Mapped[str]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project: Mapped[Project] = relationship(back_populates="documents")


ProjectCreate = schema_for(Project, "create", depth=1)
ProjectUpdate = schema_for(Project, "update")
projects = PydanticModelAdapter(Project, depth=1)


async def main() -> None:
    """Take a request apart, and put an answer together."""
    engine = create_memory_engine()
    await create_all(engine)

    print("a client gives:", list(ProjectCreate.model_fields))
    print("a client changes:", list(ProjectUpdate.model_fields))
    request = ProjectCreate.model_validate_json('{"name": "orm", "documents": [{"path": "README.md"}]}')
    async with SessionManager(engine) as session:
        session.add(projects.from_pydantic(request))

    async with SessionManager(engine) as session:
        project = await session.get_one(Project, 1)
        projects.from_pydantic(ProjectUpdate(stars=5), into=project)
        print("changed:", sorted(project.changed_fields()))
        print("nothing is loaded for it:", projects.to_pydantic(project).model_dump())
        await session.refresh(project, ["documents"])
        print("what is loaded is there:", projects.to_pydantic(project).model_dump_json())
        print("as a dict:", project.to_dict())

    print("for OpenAPI:", ProjectUpdate.model_json_schema()["properties"])
    await engine.dispose()


if __name__ == "__main__":
    run(main())

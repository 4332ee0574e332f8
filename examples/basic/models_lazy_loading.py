"""Load relationships in async code: what happens without, and the three ways."""

from __future__ import annotations

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from andamios_orm.core import SessionManager, create_memory_engine, run
from andamios_orm.models import BaseModel, LazyLoadError, create_all


class Project(BaseModel):
    """A project."""

    name: Mapped[str]
    documents: Mapped[list[Document]] = relationship(back_populates="project")


class Document(BaseModel):
    """A document of a project."""

    title: Mapped[str]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project: Mapped[Project] = relationship(back_populates="documents")


engine = create_memory_engine()


async def main() -> None:
    """Make a project, and load its documents in three ways."""
    await create_all(engine)
    async with SessionManager(engine) as session:
        session.add(Project(name="Moon", documents=[Document(title="Plan"), Document(title="Budget")]))

    async with SessionManager(engine) as session:
        project = (await session.scalars(select(Project))).one()
        try:
            print(project.documents)
        except LazyLoadError as error:
            print(error)

        print("when needed:", [document.title for document in await project.awaitable_attrs.documents])

    async with SessionManager(engine) as session:
        query = select(Project).options(selectinload(Project.documents))
        project = (await session.scalars(query)).one()
        print("with the object:", [document.title for document in project.documents])

    async with SessionManager(engine) as session:
        project = (await session.scalars(select(Project))).one()
        await session.refresh(project, ["documents"])
        print("by refresh:", [document.title for document in project.documents])
    await engine.dispose()


if __name__ == "__main__":
    run(main())

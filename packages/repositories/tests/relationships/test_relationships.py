"""Relationships that get one object more, one less, or others."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import select

from andamios_orm.core import AndamiosEngine, AsyncSession, create_engine
from andamios_orm.core.errors import (
    ConfigurationError,
    IntegrityError,
    NotFoundError,
    TransactionConflictError,
    ValidationError,
)
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories import GenericRepository

from ..shared import held, opened
from ..test_databases import URLS, reachable
from .nesting_models import GREEK, Cover, Document, Label, Note, Project, Tag, Task, fill, tagged

LATIN = uuid.UUID(int=GREEK.int + 1)


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the rows of the models, which the tests share."""
    with held(request.module.__name__, fill) as url:
        yield url


@pytest.fixture
async def shared_engine(shared_url: str) -> AsyncIterator[AndamiosEngine]:
    """An engine on the rows of the models, which no test commits to."""
    async with opened(shared_url) as engine:
        yield engine


@pytest.fixture
def projects(session: AsyncSession) -> GenericRepository[Project]:
    return GenericRepository[Project](session)


async def rows(session: AsyncSession, *columns: Any) -> list[tuple[Any, ...]]:
    """Return what a table holds, in order."""
    return [tuple(row) for row in (await session.execute(select(*columns).order_by(*columns))).all()]


async def test_what_is_there_is_not_added_again(projects: GenericRepository[Project]) -> None:
    greek = await projects.session.get_one(Tag, GREEK)
    assert await projects.add(1, "tags", greek, str(GREEK), LATIN, LATIN) == 1
    assert await projects.add(1, "tags", greek, LATIN) == 0
    assert await rows(projects.session, tagged.c.tag_id) == [(GREEK,), (LATIN,)]


async def test_what_is_not_there_is_not_removed(projects: GenericRepository[Project]) -> None:
    greek = await projects.session.get_one(Tag, GREEK)
    assert await projects.remove(1, Project.tags, LATIN, uuid.UUID(int=9)) == 0
    assert await projects.remove(1, Project.tags, greek, str(GREEK)) == 1
    assert await rows(projects.session, tagged.c.tag_id) == []


async def test_a_relationship_is_set(projects: GenericRepository[Project]) -> None:
    project = await projects.get_one(1)
    assert await projects.set(project, "tags", [LATIN, Tag(name="norse"), LATIN]) == (2, 1)
    assert [tag.name for tag in project.tags] == ["latin", "norse"]
    assert await projects.set(project, "tags", project.tags) == (0, 0)
    assert await projects.set(project, "tags", []) == (0, 2)


async def test_the_other_side_follows(projects: GenericRepository[Project]) -> None:
    tags = GenericRepository[Tag](projects.session)
    greek = await tags.get_one(GREEK, load="projects")
    await projects.add(2, "tags", greek)
    assert [project.name for project in greek.projects] == ["one", "two"]
    await tags.remove(greek, "projects", 1)
    assert (await projects.get_one(1, load="tags")).tags == []


async def test_sets_are_written(projects: GenericRepository[Project]) -> None:
    assert await projects.add(1, "labels", 1, Label(word="next")) == 2
    assert {label.word for label in (await projects.get_one(1)).labels} == {"new", "next"}


async def test_children_are_moved_and_let_go(projects: GenericRepository[Project]) -> None:
    assert await projects.add(2, "tasks", 1, Task(name="walk")) == 2
    assert await rows(projects.session, Task.name, Task.project_id) == [("run", 2), ("walk", 2)]
    assert await projects.remove(2, "tasks", 1) == 1
    assert await rows(projects.session, Task.name, Task.project_id) == [("run", None), ("walk", 2)]


async def test_orphans_are_deleted_and_marked(projects: GenericRepository[Project]) -> None:
    assert await projects.remove(1, "documents", 1, 3) == 1
    assert await projects.set(1, "notes", [2]) == (0, 1)
    assert await rows(projects.session, Document.title) == [("b",), ("c",)]
    assert await rows(projects.session, Note.text) == [("second",)]


async def test_children_that_cannot_do_without_are_not_removed(projects: GenericRepository[Project]) -> None:
    with pytest.raises(ConfigurationError, match="bills leaves out a Bill"):
        await projects.remove(1, "bills", 1)
    assert len((await projects.get_one(1, load="bills")).bills) == 1


@pytest.mark.parametrize(
    ("name", "others", "error", "message"),
    [
        ("tags", [uuid.UUID(int=9)], NotFoundError, "no Tag with key UUID"),
        ("labels", [2], NotFoundError, "no Label with key 2"),
        ("tags", ["x"], ConfigurationError, "Tag.id is a UUID, not 'x'"),
        ("tags", [{"name": "x"}], ConfigurationError, "the key of Tag is"),
        ("tags", [Task(name="x")], ConfigurationError, "Tag.id is a UUID, not Task"),
        ("tgas", [], UnknownNameError, "'tgas' is no relationship of Project: did you mean 'tags'"),
        ("name", [], UnknownNameError, "'name' is no relationship of Project"),
        ("cover", [], ConfigurationError, r"Project.cover leads to one: use update\(..., cover=...\)"),
        ("first_tasks", [], ConfigurationError, "viewonly"),
    ],
)
async def test_what_cannot_be_added_is_refused(
    projects: GenericRepository[Project], name: str, others: list[Any], error: type[Exception], message: str
) -> None:
    for written in (projects.add(1, name, *others), projects.set(1, name, others)):
        with pytest.raises(error, match=message):
            await written
    assert await rows(projects.session, tagged.c.tag_id) == [(GREEK,)]


async def test_a_project_that_is_not_there_is_told(projects: GenericRepository[Project]) -> None:
    with pytest.raises(NotFoundError, match="no Project with key 9"):
        await projects.add(9, "tags", GREEK)


async def test_two_transactions_add_the_same_pair(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        await fill(session)
        await session.commit()
    async with AsyncSession(engine) as first, AsyncSession(engine) as second:
        assert await GenericRepository[Project](first).add(2, "tags", LATIN) == 1
        with pytest.raises((IntegrityError, TransactionConflictError)):
            await GenericRepository[Project](second).add(2, "tags", LATIN)
            await first.commit()
            await second.commit()
        await second.rollback()
        await first.commit()
    async with AsyncSession(engine) as session:
        assert await rows(session, tagged.c.tag_id) == [(GREEK,), (LATIN,)]
        assert await GenericRepository[Project](session).add(2, "tags", LATIN) == 0


async def test_what_is_removed_belongs_to_the_session(session: AsyncSession) -> None:
    projects = GenericRepository[Project](session)
    for other in (Tag(name="new"), await _detached(session, Tag, LATIN)):
        with pytest.raises(ConfigurationError, match=r"this Tag (is new|belongs to another session)"):
            await projects.remove(1, "tags", other)


async def _detached(session: AsyncSession, model: type[Any], key: Any) -> Any:
    found = await session.get_one(model, key)
    session.expunge(found)
    return found


# --- scopes ---


class OnlyNew:
    """Lets through what is new: tags and labels whose word says so, and tasks that are not called run."""

    def conditions(self, model: type[Any], kind: str) -> Iterable[Mapping[str, Any]]:
        if model is Tag:
            return [{"name": "latin"}]
        hidden = {Task: {"name__ne": "run"}, Cover: {"color__ne": "red"}}
        return [hidden[model]] if model in hidden else []

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        return {"name": "latin"} if model is Tag else {}


class NewProjects(GenericRepository[Project], plugins=[OnlyNew()]):
    pass


@pytest.fixture
def scoped(session: AsyncSession) -> NewProjects:
    return NewProjects(session)


async def test_what_scopes_hide_stays(scoped: NewProjects) -> None:
    assert await scoped.set(1, "tags", [LATIN]) == (1, 0)
    assert await scoped.remove(1, "tags", GREEK) == 0
    await scoped.update(1, tags=[], tasks=[{"name": "new"}])
    assert await rows(scoped.session, tagged.c.tag_id) == [(GREEK,)]
    assert await rows(scoped.session, Task.name, Task.project_id) == [("new", 1), ("run", 1)]


async def test_the_place_of_what_scopes_hide_is_taken(scoped: NewProjects) -> None:
    with pytest.raises(
        ConfigurationError, match="cover is taken by an object that is not to be changed here"
    ):
        await scoped.update(1, cover=Cover(color="blue"))
    with pytest.raises(NotFoundError):
        await scoped.update(1, tasks=[{"id": 1}])


async def test_what_scopes_hide_is_not_reached(scoped: NewProjects) -> None:
    greek = await scoped.session.get_one(Tag, GREEK)
    run = await scoped.session.get_one(Task, 1)
    for written in (
        scoped.add(2, "tags", GREEK),
        scoped.update(1, tasks=[{"id": 1, "name": "mine"}]),
        scoped.update(2, tags=[{"id": GREEK}]),
        scoped.update(2, tasks=[run]),
        scoped.add(2, "tasks", run),
    ):
        with pytest.raises(NotFoundError):
            await written
    with pytest.raises(ValidationError):
        await scoped.add(2, "tags", greek)
    assert await rows(scoped.session, Task.name, Task.project_id) == [("run", 1)]


async def test_scopes_fill_in_what_is_nested(scoped: NewProjects) -> None:
    made = await scoped.create(name="new", tags=[{}, Tag()])
    assert [tag.name for tag in made.tags] == ["latin", "latin"]
    for other in ({"name": "greek"}, {"id": LATIN, "name": "greek"}, Tag(name="greek")):
        with pytest.raises(ValidationError, match="it is 'latin' here, not 'greek'"):
            await scoped.update(2, tags=[other])


class OfTwo:
    """Lets through what belongs to the second project."""

    def conditions(self, model: type[Any], kind: str) -> Iterable[Mapping[str, Any]]:
        return [{"project_id": 2}] if model in (Document, Task) else []

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        return {"project_id": 2} if model in (Document, Task) else {}


class DocumentsOfTwo(GenericRepository[Document], plugins=[OfTwo()]):
    pass


class ProjectsWithTwo(GenericRepository[Project], plugins=[OfTwo()]):
    pass


@pytest.mark.parametrize("project", [{"id": 1}, {"name": "new"}, {"id": 1, "name": "mine"}])
async def test_a_foreign_key_does_not_lead_out_of_a_scope(
    session: AsyncSession, project: dict[str, Any]
) -> None:
    documents, one = DocumentsOfTwo(session), await session.get_one(Project, 1)
    assert (await documents.update(3, title="x", project={"id": 2})).project_id == 2
    for other in (project, one):
        with pytest.raises(ValidationError, match="project_id: it is 2 here, not"):
            await documents.update(3, project=other)
        with pytest.raises(ConfigurationError, match=r"project_id is 2, and .* by project"):
            await documents.create(title="new", project=other)
    with pytest.raises(ValidationError, match="project_id: it is 2 here, not 1"):
        await ProjectsWithTwo(session).update(1, tasks=[{"name": "new"}])
    assert await rows(session, Document.project_id, Document.title) == [(1, "a"), (1, "b"), (2, "x")]


# --- other databases ---


@pytest.fixture(params=URLS)
async def elsewhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[AsyncSession]:
    """A session on another database with the rows of the models, which is rolled back."""
    engine = create_engine(reachable(request.param, tmp_path_factory.mktemp(request.param)))
    drop, create = Project.metadata.drop_all, Project.metadata.create_all
    async with engine.begin() as connection:
        await connection.run_sync(drop)
        await connection.run_sync(create)
    async with AsyncSession(engine) as session:
        await fill(session)
        yield session
    async with engine.begin() as connection:
        await connection.run_sync(drop)
    await engine.dispose()


async def test_other_databases(elsewhere: AsyncSession) -> None:
    projects = GenericRepository[Project](elsewhere)
    await projects.create(
        name="new", documents=[{"title": "x"}], tags=[{"id": GREEK}], cover={"color": "blue"}
    )
    documents = [{"title": "a", "chapters": [{"text": "I"}]}, {"id": 2, "title": "new"}]
    project = await projects.update(1, documents=documents, lines=[{"number": 2, "text": "z"}], tasks=[])
    assert {(each.title, each.version) for each in project.documents} == {("a", 1), ("new", 2)}
    assert [(line.number, line.text) for line in project.lines] == [(2, "z")]
    assert await projects.add(1, "tags", LATIN, GREEK) == 1
    assert await projects.set(1, "tags", []) == (0, 2)
    assert await rows(elsewhere, Task.name, Task.project_id) == [("run", None)]


async def test_other_databases_go_on_after_a_refusal(elsewhere: AsyncSession) -> None:
    projects = GenericRepository[Project](elsewhere)
    with pytest.raises(IntegrityError):
        await projects.update(1, name="new", documents=[{"id": 1}, {"title": "a"}])
    with pytest.raises(LookupError, match="no bill is negative"):
        await projects.update(2, name="new", documents=[], bills=[{"amount": -1}])
    assert await rows(elsewhere, Project.name) == [("one",), ("two",)]
    assert await rows(elsewhere, Document.title) == [("a",), ("b",), ("c",)]

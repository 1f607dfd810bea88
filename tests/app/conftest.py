"""Fixtures for tests of the dashboard: records with something in them, and pages."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app import main
from db import session as record
from db import workers
from tests.app import filling

MAIN = Path(main.__file__)
OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="session")
def _filled_template(
    _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("filled") / "archfront.db"
    shutil.copyfile(_sqlite_template, path)
    engine = record.engine_for(f"sqlite:///{path}")
    with record.Session(engine) as session, session.begin():
        ids = filling.typical(session)
    record.dispose()
    with sqlite3.connect(path) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole.close()
    return path, ids


@pytest.fixture
def empty(sqlite_url: str) -> None:
    """A record without anything: no worker, no job."""


@pytest.fixture
def with_worker(sqlite_url: str) -> None:
    """A record with a worker and nothing else."""
    with record.transaction() as session:
        filling.add_worker(session)


@pytest.fixture
def ids(
    data_dir: Path,
    _filled_template: tuple[Path, dict[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, int]]:
    """A record with a job in every state; their ids by state."""
    template, found = _filled_template
    path = data_dir / "archfront.db"
    shutil.copyfile(template, path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    with record.transaction() as session:
        workers.heartbeat(session, "worker-1")
    yield dict(found)
    record.dispose()


@pytest.fixture
def without_worker(ids: dict[str, int]) -> dict[str, int]:
    """The same record after its worker has stopped."""
    with record.transaction() as session:
        workers.stop(session, "worker-1")
    return ids


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    yield
    st.cache_resource.clear()


@pytest.fixture
def open_page() -> OpenPage:
    """Open a page by its path, with the query of its address."""

    def opened(path: str, **query: object) -> AppTest:
        page = AppTest.from_file(MAIN, default_timeout=180)
        page._page_hash = calc_hash(path)
        for key, value in query.items():
            page.query_params[key] = str(value)
        return page.run()

    return opened


def words(page: AppTest) -> str:
    """Everything a page says, for searching in."""
    groups = (
        page.title,
        page.subheader,
        page.markdown,
        page.caption,
        page.error,
        page.warning,
        page.info,
        page.success,
        page.code,
    )
    labels = [button.label for button in page.button]
    links = [link.proto.label for link in page.get("page_link")]
    return "\n".join([*(str(e.value) for group in groups for e in group), *labels, *links])

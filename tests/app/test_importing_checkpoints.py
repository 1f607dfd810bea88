"""Trained supernets from elsewhere: taken in by a command, offered and marked as imported."""

import json

import numpy as np
import pytest
from safetensors.numpy import save

from app import supernet_record
from app.artifacts import whole_file
from app.commands import artifacts as artifact_commands
from app.commands.importing import checkpoint
from app.wording import size
from db import artifacts, jobs
from db.errors import Damaged, NotFound
from db.session import reading, transaction
from search.artifacts import digest_of
from search.errors import DataError
from tests.app import filling, supernets
from tests.app.conftest import words
from workers.catalogue import catalogue

pytestmark = pytest.mark.usefixtures("with_worker")
CONTENT = save(
    {"held_out": np.arange(9)},
    {"archfront": json.dumps({**supernets.checkpoint_info(), "parts": [], "norms": "batch"})},
)
DIGEST = digest_of(CONTENT)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(CONTENT)
    return path


def offered():
    with reading() as session:
        return catalogue(session).checkpoints


def test_an_imported_supernet_is_offered(file, data_dir, capsys):
    checkpoint(file)

    (info,) = offered()
    assert (info.digest, info.recipe, info.job_id) == (DIGEST, "spos", None)
    assert info.size_bytes == len(CONTENT)
    assert (data_dir / "artifacts" / f"{DIGEST}.safetensors").read_bytes() == CONTENT
    assert f"Imported {DIGEST}" in capsys.readouterr().out


def test_one_that_lies_there_already_is_taken_on_record(data_dir, capsys):
    (data_dir / "artifacts").mkdir()
    path = data_dir / "artifacts" / f"{DIGEST}.safetensors"
    path.write_bytes(CONTENT)

    checkpoint(path, as_json=True)

    assert json.loads(capsys.readouterr().out)["job"] is None
    assert [info.digest for info in offered()] == [DIGEST]
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_imported_again_it_is_one_and_a_lost_file_is_back(file, data_dir, capsys):
    checkpoint(file)
    path = data_dir / "artifacts" / f"{DIGEST}.safetensors"
    path.write_bytes(b"rotten")

    checkpoint(file)

    assert "on record already, imported" in capsys.readouterr().out
    assert len(offered()) == 1
    assert path.read_bytes() == CONTENT


def test_one_that_a_search_has_made_stays_its_own(file, capsys):
    with transaction() as session:
        job_id = supernets.add(session, digest=DIGEST)

    checkpoint(file)

    assert f"made by search {job_id}" in capsys.readouterr().out
    assert [info.job_id for info in offered()] == [job_id]


def test_what_cannot_be_used_changes_nothing(file, data_dir):
    file.write_bytes(CONTENT[:-8])

    with pytest.raises(DataError, match="is damaged"):
        checkpoint(file)
    with pytest.raises(FileNotFoundError):
        checkpoint(file.with_name("nothing"))

    assert offered() == ()
    assert not (data_dir / "artifacts").exists()


def test_what_became_of_its_file_is_told_without_a_search(file, data_dir):
    checkpoint(file)
    path = data_dir / "artifacts" / f"{DIGEST}.safetensors"
    with reading() as session:
        found = artifacts.artifact(session, DIGEST)

    path.write_bytes(b"rotten")
    with pytest.raises(Damaged, match="import it again"):
        whole_file(found)
    path.unlink()
    with pytest.raises(NotFound, match="was imported on another one"):
        whole_file(found)


def test_a_discarded_one_is_gone(file):
    checkpoint(file)

    artifact_commands.discard(DIGEST)

    assert offered() == ()


def test_pages_mark_it(file, open_page):
    checkpoint(file)
    with transaction() as session:
        user = supernets.add_user(session, DIGEST)

    told = words(open_page("data"))

    assert "gray-badge[:material/upload_file: imported]" in told
    assert "Trained by search" not in told
    with reading() as session:
        assert supernet_record.trainer_of(session, jobs.job(session, user)) is None
    page = open_page("search", id=user, tab="ranking")
    assert "was imported" in words(page)
    assert not page.exception


def test_the_form_marks_it(file, open_page):
    checkpoint(file)
    with transaction() as session:
        made = filling.add_job(session, supernets.spec(supernet={"checkpoint": DIGEST}))

    page = open_page("new", clone=made)

    box = next(box for box in page.selectbox if box.label == "Trained supernet")
    assert ", imported " in box.options[0]
    assert size(len(CONTENT)) in box.options[0]

"""What trainings tell and make: over HTTP and on the command line."""

import hashlib
import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from app import api
from app.commands import artifacts as commands
from db import artifacts, jobs, trials
from db.jobs import JobState
from db.session import reading, transaction
from tests.app import filling
from tests.app.asking import Client
from workers.catalogue import catalogue

CONTENT = bytes(range(256)) * 20_000
DIGEST = hashlib.blake2b(CONTENT, digest_size=16).hexdigest()
ABOUT = {
    "version": 1,
    "space": "cell_27",
    "network": {"channels": 8},
    "shape": [1, 8, 8],
    "num_classes": 10,
    "dataset": "digits",
    "dataset_digest": "d" * 32,
    "recipe": "spos",
    "recipe_params": {"epochs": 3},
    "steps": 120,
}


@pytest.fixture
def path(data_dir: Path) -> Path:
    """The file of the checkpoint."""
    folder = data_dir / "artifacts"
    folder.mkdir()
    made = folder / f"{DIGEST}.safetensors"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture
def job_id(empty, path: Path) -> int:
    """A search that has trained a supernet, and exported one of its architectures."""
    batch = trials.Batch(
        metrics=[trials.MetricRow("loss mid", step, 1 / (1 + step)) for step in (0, 5, 10)],
        snapshots=[trials.SnapshotRow("ranking", step, {"values": [step]}) for step in (5, 10)],
        artifacts=[
            trials.ArtifactRow("checkpoint", "spos.safetensors", DIGEST, len(CONTENT), ABOUT),
            trials.ArtifactRow("export", "net.onnx", "e" * 32, 1, {}, number=3),
        ],
    )
    with transaction() as session:
        made = filling.add_job(session, filling.a_spec("trains", ("nwot", "macs")))
        token = filling.claimed(session, made)
        trials.record(session, made, token, batch)
        jobs.release(session, made, token, state=JobState.SUCCEEDED, reason="done")
    return made


@pytest.fixture
def client() -> Client:
    return Client(Starlette(routes=[Mount("/api", api.create_api())]))


def test_metrics_are_told_by_name_and_from_a_step_on(job_id, client):
    everything = client.get(f"/api/jobs/{job_id}/metrics").json()
    recent = client.get(f"/api/jobs/{job_id}/metrics", params={"since": 10}).json()
    others = client.get(f"/api/jobs/{job_id}/metrics", params={"name": "lr"}).json()

    assert [point["step"] for point in everything["loss mid"]] == [0, 5, 10]
    assert recent == {"loss mid": [{"step": 10, "value": 1 / 11}]}
    assert others == {}


def test_snapshots_are_told_by_name_and_piece_by_piece(job_id, client):
    names = client.get(f"/api/jobs/{job_id}/snapshots").json()
    asked = {"name": "ranking", "since": 1, "limit": 1}
    first = client.get(f"/api/jobs/{job_id}/snapshots", params=asked).json()

    assert names == {"names": {"ranking": {"num": 2, "last_step": 10}}}
    assert first["snapshots"] == [{"step": 5, "content": {"values": [5]}}]


@pytest.mark.parametrize("what", ["metrics", "snapshots", "artifacts"])
def test_what_an_unknown_job_tells_is_not_found(job_id, client, what):
    answer = client.get(f"/api/jobs/4711/{what}")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no job 4711"


def test_artifacts_of_a_job_are_listed(job_id, client):
    checkpoint, export = client.get(f"/api/jobs/{job_id}/artifacts").json()

    assert (checkpoint["digest"], checkpoint["size"]) == (DIGEST, len(CONTENT))
    assert (export["kind"], export["name"], export["trial"]) == ("export", "net.onnx", 3)


def test_a_file_is_sent_under_its_name(job_id, client):
    answer = client.get(f"/api/artifacts/{DIGEST}")

    assert answer.content == CONTENT
    assert answer.headers["etag"] == f'"{DIGEST}"'
    assert answer.headers["content-disposition"] == 'attachment; filename="spos.safetensors"'
    assert answer.headers["content-length"] == str(len(CONTENT))


def test_who_has_a_file_is_not_sent_it_again(job_id, client):
    known = {"If-None-Match": f'"other", W/"{DIGEST}"'}

    answer = client.get(f"/api/artifacts/{DIGEST}", headers=known)

    assert (answer.status_code, answer.content) == (304, b"")


def test_part_of_a_file_can_be_asked_for(job_id, client):
    answer = client.get(f"/api/artifacts/{DIGEST}", headers={"Range": "bytes=256-259"})

    assert (answer.status_code, answer.content) == (206, bytes(range(4)))


@pytest.mark.parametrize(
    "digest",
    [
        "f" * 32,
        DIGEST.upper(),
        DIGEST[:-1],
        "..%2F..%2Farchfront.db",
        "%00",
        "*",
        f"{DIGEST}.part",
    ],
)
def test_what_is_no_artifact_is_not_found(job_id, client, digest):
    answer = client.get(f"/api/artifacts/{digest}")

    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_a_file_that_is_gone_is_said_to_be_gone(job_id, client, path):
    path.unlink()

    answer = client.get(f"/api/artifacts/{DIGEST}")

    assert answer.status_code == 404
    assert "not in the data folder of this machine" in answer.json()["detail"]


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT[:-1] + b"?", b""])
def test_a_damaged_file_is_not_sent(job_id, client, path, damaged):
    client.get(f"/api/artifacts/{DIGEST}")
    path.write_bytes(damaged)

    answer = client.get(f"/api/artifacts/{DIGEST}")

    assert answer.status_code == 409
    assert "is damaged" in answer.json()["detail"]


def test_a_name_leads_to_no_other_folder(job_id, client, data_dir):
    (data_dir / "artifacts" / f"{'0' * 32}.x").write_bytes(b"")
    digest = hashlib.blake2b(b"", digest_size=16).hexdigest()
    (data_dir / "artifacts" / f"{digest}.x").write_bytes(b"")
    wicked = trials.ArtifactRow("export", '../../"a\r\nb', digest, 0)
    with transaction() as session:
        other = filling.add_job(session, filling.a_spec("names", ("nwot", "macs")))
        token = filling.claimed(session, other)
        trials.record(session, other, token, trials.Batch(artifacts=[wicked]))

    answer = client.get(f"/api/artifacts/{digest}")

    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''%22a%0D%0Ab"


def test_the_catalogue_offers_what_was_trained(job_id):
    with reading() as session:
        (found,) = catalogue(session).checkpoints

    assert (found.digest, found.job_id, found.size_bytes) == (DIGEST, job_id, len(CONTENT))
    assert (found.space, found.recipe, found.shape) == ("cell_27", "spos", (1, 8, 8))
    assert found.name == "spos.safetensors"


def test_the_catalogue_does_not_offer_what_is_gone(job_id, path):
    path.rename(f"{path}.7.part")

    with reading() as session:
        assert catalogue(session).checkpoints == ()


def test_where_files_lie_with_the_workers_the_catalogue_believes_the_record(job_id, path):
    path.unlink()
    path.parent.rmdir()

    with reading() as session:
        assert [found.digest for found in catalogue(session).checkpoints] == [DIGEST]


def test_the_catalogue_is_of_one_project(job_id):
    with reading() as session:
        assert catalogue(session, project="another").checkpoints == ()


def test_files_are_listed_on_the_command_line(job_id, capsys):
    commands.list_artifacts(job_id, as_json=True)

    found = json.loads(capsys.readouterr().out)["artifacts"]
    assert [row["digest"] for row in found] == [DIGEST, "e" * 32]


def test_files_are_listed_for_people(job_id, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")

    commands.list_artifacts(job_id)

    said = capsys.readouterr().out
    assert DIGEST in said
    assert "5.1 MB" in said


def test_a_file_is_fetched_and_nothing_is_overwritten(job_id, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    commands.fetch(DIGEST)

    assert (tmp_path / "spos.safetensors").read_bytes() == CONTENT
    with pytest.raises(FileExistsError, match="say --output"):
        commands.fetch(DIGEST)
    commands.fetch(DIGEST, tmp_path / "another")
    assert (tmp_path / "another").read_bytes() == CONTENT


def test_a_discarded_file_is_gone_from_disk_and_record(job_id, path, capsys):
    commands.discard(DIGEST)
    commands.discard("e" * 32)

    with reading() as session:
        assert artifacts.artifacts(session, job_id) == []
    assert not path.exists()
    assert "was not on this machine" in capsys.readouterr().out

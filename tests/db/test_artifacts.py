"""Files that jobs made: told once, found by digest, offered by project, kept while needed."""

import pytest

from db import artifacts, jobs, trials
from db.errors import InUse, LeaseLost, NotFound
from db.jobs import JobState
from tests.db.making import SPEC, new_job

DIGEST = "0123456789abcdef" * 2


def told(**changes):
    values = {
        "kind": "checkpoint",
        "name": "supernet.safetensors",
        "digest": DIGEST,
        "size": 5 * 2**32,
        "info": {"space": "cell_27"},
    }
    return trials.ArtifactRow(**(values | changes))


def made(session, *rows, end=None, **job):
    """A job that a worker has, which has made these files."""
    job_id = jobs.add_job(session, new_job(**job)).id
    claim = jobs.claim(session, job_id, worker_id="worker 1", lease_s=60)
    trials.record(session, job_id, claim.token, trials.Batch(artifacts=rows))
    if end is not None:
        jobs.release(session, job_id, claim.token, state=end, reason="over")
    return job_id


def test_artifact_is_read_as_it_was_told(session):
    job_id = made(session, told(), told(kind="export", name="a.onnx", digest="f" * 32, number=3))

    checkpoint, export = artifacts.artifacts(session, job_id)

    assert (checkpoint.kind, checkpoint.digest, checkpoint.size) == (
        "checkpoint",
        DIGEST,
        5 * 2**32,
    )
    assert (checkpoint.info, checkpoint.number) == ({"space": "cell_27"}, None)
    assert (export.name, export.number) == ("a.onnx", 3)


def test_artifact_told_again_is_one(session, running):
    for rows in ([told(), told()], [told(), told(name="another name")]):
        trials.record(session, running.id, running.token, trials.Batch(artifacts=rows))

    found = artifacts.artifacts(session, running.id)

    assert [row.name for row in found] == ["supernet.safetensors", "another name"]


def test_equal_files_of_two_trials_are_told_of_both(session):
    rows = [told(kind="export", number=number) for number in (0, 4)]

    job_id = made(session, *rows)

    assert [row.number for row in artifacts.artifacts(session, job_id)] == [0, 4]


def test_equal_files_of_two_jobs_are_one_artifact(session):
    first = made(session, told())
    made(session, told(name="the same again"))

    assert artifacts.artifact(session, DIGEST).job_id == first
    assert [row.job_id for row in artifacts.checkpoints(session)] == [first]


@pytest.mark.parametrize(
    "digest", ["f" * 32, "", "../../etc/passwd", "\0", "x" * 10_000, DIGEST + "\n"]
)
def test_unknown_artifact_is_said_to_be_unknown(session, digest):
    made(session, told())

    with pytest.raises(NotFound, match=r"there is no artifact f|is no digest"):
        artifacts.artifact(session, digest)


def test_checkpoints_are_those_of_the_project_newest_first(session):
    made(session, told(kind="export", digest="e" * 32))
    made(session, told(digest="c" * 32), project="another")
    made(session, told(digest="a" * 32))
    made(session, told(digest="b" * 32))

    assert [row.digest[0] for row in artifacts.checkpoints(session)] == ["b", "a"]
    assert [row.digest[0] for row in artifacts.checkpoints(session, project="another")] == ["c"]


def test_lost_worker_tells_of_no_file(session, running):
    with pytest.raises(LeaseLost):
        trials.record(session, running.id, "another", trials.Batch(artifacts=[told()]))

    assert artifacts.artifacts(session, running.id) == []


def test_removed_artifact_is_forgotten_in_every_job(session):
    ids = [made(session, told(), end=JobState.SUCCEEDED) for _ in range(2)]
    made(session, told(digest="f" * 32))

    artifacts.remove_artifact(session, DIGEST)

    assert [artifacts.artifacts(session, job_id) for job_id in ids] == [[], []]
    assert artifacts.artifact(session, "f" * 32)
    with pytest.raises(NotFound):
        artifacts.remove_artifact(session, DIGEST)


def test_artifact_of_an_unfinished_job_is_kept(session):
    made(session, told(), end=JobState.SUCCEEDED)
    second = made(session, told())

    with pytest.raises(InUse, match=f"needed by job {second}: cancel"):
        artifacts.remove_artifact(session, DIGEST)


def test_artifact_that_an_unfinished_job_names_is_kept(session):
    made(session, told(), end=JobState.SUCCEEDED)
    spec = {**SPEC, "supernet": {"checkpoint": DIGEST}}
    user = jobs.add_job(session, new_job(spec=spec)).id
    jobs.add_job(session, new_job(spec={**SPEC, "supernet": None}))

    with pytest.raises(InUse, match=f"needed by job {user}: cancel"):
        artifacts.remove_artifact(session, DIGEST)

    assert [job.id for job in artifacts.users(session, DIGEST)] == [user]


def test_what_was_kept_on_the_way_is_not_what_a_job_has_trained(session):
    job_id = made(session, told(digest="b" * 32, info={"steps": 2, "num_steps": 6}))
    before = artifacts.trained_by(session, job_id)
    artifacts.add_artifacts(session, job_id, [told(info={"steps": 6, "num_steps": 6})])
    artifacts.add_artifacts(
        session, job_id, [told(digest="c" * 32, info={"steps": 4, "num_steps": 6})]
    )

    assert before is None
    assert artifacts.trained_by(session, job_id) == DIGEST


def test_an_imported_file_belongs_to_a_project_and_to_no_job(session):
    first, is_new = artifacts.add_imported(session, told())
    again, is_new_again = artifacts.add_imported(session, told(name="another name"))
    artifacts.add_imported(session, told(digest="c" * 32), project="another")

    assert (is_new, is_new_again) == (True, False)
    assert again.id == first.id
    assert (first.job_id, first.owner, first.info) == (None, "local", {"space": "cell_27"})
    assert [row.digest for row in artifacts.checkpoints(session)] == [DIGEST]
    assert artifacts.artifact(session, DIGEST).id == first.id
    artifacts.remove_artifact(session, DIGEST)
    assert artifacts.checkpoints(session) == []


def test_an_imported_file_is_kept_while_a_job_names_it(session):
    artifacts.add_imported(session, told())
    user = jobs.add_job(session, new_job(spec={**SPEC, "supernet": {"checkpoint": DIGEST}})).id

    with pytest.raises(InUse, match=f"needed by job {user}: cancel"):
        artifacts.remove_artifact(session, DIGEST)


def test_a_job_may_make_what_was_imported(session):
    imported, _ = artifacts.add_imported(session, told())
    job_id = made(session, told())

    assert artifacts.trained_by(session, job_id) == DIGEST
    assert artifacts.artifact(session, DIGEST).id == imported.id
    assert [row.job_id for row in artifacts.checkpoints(session)] == [None]

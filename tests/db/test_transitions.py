"""The table of legal moves: what people, workers and the sweep can do, and nothing else."""

import itertools

import pytest
from sqlalchemy import update

from db import jobs
from db.errors import RecordError
from db.models import Job, JobState
from db.transitions import ENDED, LEASED, LEGAL, UNFINISHED, is_legal
from tests.db.making import new_job

ASKS = {
    "cancel": jobs.cancel,
    "pause": jobs.pause,
    "resume": jobs.resume,
    "retry": jobs.retry,
    "submit": jobs.submit_draft,
}
ALLOWED = {
    ("draft", "submit"): "queued",
    ("draft", "cancel"): "cancelled",
    ("queued", "cancel"): "cancelled",
    ("queued", "pause"): "paused",
    ("running", "cancel"): "cancelling",
    ("running", "pause"): "pausing",
    ("pausing", "cancel"): "cancelling",
    ("paused", "cancel"): "cancelled",
    ("paused", "resume"): "queued",
    ("failed", "retry"): "queued",
    ("cancelled", "retry"): "queued",
}
REFUSED = sorted(set(itertools.product(map(str, JobState), ASKS)) - set(ALLOWED))


@pytest.fixture
def job_in(session):
    """Make a job and put it into a state, whatever its history."""

    def make(state):
        job_id = jobs.add_job(session, new_job()).id
        held = {"token": "t", "worker_id": "w"} if state in LEASED else {}
        session.execute(update(Job).where(Job.id == job_id).values(state=state, **held))
        return job_id

    return make


@pytest.mark.parametrize(("state", "ask"), ALLOWED)
def test_what_is_allowed_happens(session, job_in, state, ask):
    job_id = job_in(JobState(state))

    ASKS[ask](session, job_id, "ada")

    assert jobs.job(session, job_id).state == ALLOWED[state, ask]
    assert is_legal(JobState(state), JobState(ALLOWED[state, ask]))


@pytest.mark.parametrize(("state", "ask"), REFUSED)
def test_what_is_not_allowed_changes_nothing(session, job_in, state, ask):
    job_id = job_in(JobState(state))

    with pytest.raises(RecordError, match=f"job {job_id} is {state}"):
        ASKS[ask](session, job_id, "ada")

    assert jobs.job(session, job_id).state == state
    assert len(jobs.history(session, job_id)) == 1


@pytest.mark.parametrize(("old", "new"), list(itertools.product(sorted(LEASED), JobState)))
def test_release_writes_only_legal_ends(session, job_in, old, new):
    job_id = job_in(old)

    try:
        settled = jobs.release(session, job_id, "t", state=new, reason="")
    except RecordError:
        settled = old

    assert settled == jobs.job(session, job_id).state
    assert settled == old or is_legal(old, settled)


def test_every_state_has_its_line_in_the_table():
    assert set(LEGAL) == set(JobState)


def test_only_a_succeeded_job_can_never_move_again():
    assert [state for state in JobState if not LEGAL[state]] == [JobState.SUCCEEDED]


def test_ended_and_unfinished_are_all_states():
    assert set(JobState) == ENDED | UNFINISHED
    assert not ENDED & UNFINISHED

"""The life of a job, step by step."""

import pytest

from db import jobs, trials
from db.errors import LeaseLost, NotFound, WrongState
from db.jobs import JobState
from tests.db.making import batch, new_job


def states(session, job_id):
    return [line.state for line in jobs.history(session, job_id)]


def test_added_job_waits_with_a_history(session):
    added = jobs.add_job(session, new_job(name="first"))

    line = jobs.history(session, added.id)[0]
    assert (added.state, added.attempt, added.version) == (JobState.QUEUED, 0, 0)
    assert (line.number, line.state, line.reason, line.actor) == (
        1,
        JobState.QUEUED,
        "submitted",
        "ada",
    )


def test_draft_waits_only_when_it_is_submitted(session):
    draft = jobs.add_job(session, new_job(state=JobState.DRAFT))

    assert jobs.claim(session, draft.id, worker_id="w", lease_s=9) is None
    jobs.submit_draft(session, draft.id, "ada")

    assert states(session, draft.id) == ["draft", "queued"]
    assert jobs.claim(session, draft.id, worker_id="w", lease_s=9) is not None


def test_jobs_of_one_project_share_its_row(session):
    first = jobs.add_job(session, new_job(project="vision"))
    second = jobs.add_job(session, new_job(project="vision"))
    third = jobs.add_job(session, new_job(project="speech"))

    assert first.project_id == second.project_id != third.project_id


def test_claim_hands_over_spec_and_checkpoint(session, queued):
    claim = jobs.claim(session, queued, worker_id="worker 1", lease_s=60)

    job = jobs.job(session, queued)
    assert (claim.spec, claim.checkpoint, claim.attempt) == (job.spec, None, 1)
    assert (job.state, job.worker_id, job.token) == (JobState.RUNNING, "worker 1", claim.token)
    assert job.started_at is not None


def test_second_claim_gets_nothing(session, running):
    assert jobs.claim(session, running.id, worker_id="worker 2", lease_s=60) is None


def test_claim_of_a_missing_job_gets_nothing(session):
    assert jobs.claim(session, 4711, worker_id="worker 1", lease_s=60) is None


def test_keeping_the_lease_tells_what_is_asked(session, running):
    assert jobs.keep_lease(session, running.id, running.token, 60) is JobState.RUNNING
    jobs.pause(session, running.id, "ada")

    assert jobs.keep_lease(session, running.id, running.token, 60) is JobState.PAUSING


def test_keeping_the_lease_moves_its_end_and_not_the_version(session, running):
    before = jobs.job(session, running.id)
    lease_until, version = before.lease_until, before.version

    jobs.keep_lease(session, running.id, running.token, 600)

    after = jobs.job(session, running.id)
    assert (after.lease_until - lease_until).total_seconds() > 500
    assert after.version == version


def test_wrong_token_cannot_keep_the_lease(session, running):
    with pytest.raises(LeaseLost):
        jobs.keep_lease(session, running.id, "another", 60)


@pytest.mark.parametrize("end", [JobState.SUCCEEDED, JobState.FAILED])
def test_released_job_has_ended_and_is_nobodys(session, running, end):
    jobs.release(session, running.id, running.token, state=end, reason="why")

    job = jobs.job(session, running.id)
    assert (job.state, job.reason, job.token, job.worker_id) == (end, "why", None, None)
    assert job.finished_at is not None
    assert jobs.history(session, running.id)[-1].actor == "worker 1"


def test_succeeded_job_is_whole(session, running):
    jobs.release(session, running.id, running.token, state=JobState.SUCCEEDED, reason="")

    assert jobs.job(session, running.id).progress == 1.0


def test_released_job_cannot_be_released_again(session, running):
    jobs.release(session, running.id, running.token, state=JobState.FAILED, reason="")

    with pytest.raises(LeaseLost):
        jobs.release(session, running.id, running.token, state=JobState.SUCCEEDED, reason="")


def test_worker_cannot_cancel_what_nobody_asked_to_cancel(session, running):
    with pytest.raises(WrongState, match="running and cannot become cancelled"):
        jobs.release(session, running.id, running.token, state=JobState.CANCELLED, reason="")


@pytest.mark.parametrize(
    ("asked", "given", "end"),
    [
        (None, JobState.QUEUED, JobState.QUEUED),
        (jobs.pause, JobState.QUEUED, JobState.PAUSED),
        (jobs.cancel, JobState.QUEUED, JobState.CANCELLED),
        (jobs.pause, JobState.PAUSED, JobState.PAUSED),
        (jobs.cancel, JobState.PAUSED, JobState.CANCELLED),
        (jobs.cancel, JobState.CANCELLED, JobState.CANCELLED),
        (jobs.cancel, JobState.SUCCEEDED, JobState.SUCCEEDED),
        (jobs.pause, JobState.FAILED, JobState.FAILED),
    ],
)
def test_release_comes_to_what_people_asked_for(session, running, asked, given, end):
    (asked or (lambda *_: None))(session, running.id, "ada")

    settled = jobs.release(session, running.id, running.token, state=given, reason="stopped")

    assert settled is jobs.job(session, running.id).state is end


def test_job_that_nobody_has_is_cancelled_at_once(session, queued):
    assert jobs.cancel(session, queued, "grace") is JobState.CANCELLED

    last = jobs.history(session, queued)[-1]
    assert (last.state, last.actor) == (JobState.CANCELLED, "grace")
    assert jobs.claim(session, queued, worker_id="w", lease_s=9) is None


def test_running_job_is_cancelled_only_when_its_process_is_gone(session, running):
    assert jobs.cancel(session, running.id, "ada") is JobState.CANCELLING
    assert jobs.job(session, running.id).token == running.token

    jobs.release(session, running.id, running.token, state=JobState.CANCELLED, reason="gone")

    assert states(session, running.id) == ["queued", "running", "cancelling", "cancelled"]


def test_paused_job_goes_on_from_its_checkpoint(session, running):
    trials.record(session, running.id, running.token, batch([0], checkpoint={"next": 1}))
    jobs.pause(session, running.id, "ada")
    jobs.release(session, running.id, running.token, state=JobState.PAUSED, reason="obeyed")
    jobs.resume(session, running.id, "ada")

    claim = jobs.claim(session, running.id, worker_id="worker 2", lease_s=60)

    assert (claim.checkpoint, claim.attempt) == ({"next": 1}, 2)
    assert claim.token != running.token


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.CANCELLED])
def test_job_that_ended_badly_can_be_tried_again(session, running, end):
    jobs.cancel(session, running.id, "ada")
    jobs.release(session, running.id, running.token, state=end, reason="")

    jobs.retry(session, running.id, "ada")

    job = jobs.job(session, running.id)
    assert (job.state, job.finished_at, job.sent_at) == (JobState.QUEUED, None, None)


def test_refusal_says_the_state_and_the_way(session, running):
    with pytest.raises(WrongState, match=r"is running: resume is possible while it is paused"):
        jobs.resume(session, running.id, "ada")


@pytest.mark.parametrize("ask", [jobs.cancel, jobs.pause, jobs.resume, jobs.retry])
def test_nothing_can_be_asked_of_a_missing_job(session, ask):
    with pytest.raises(NotFound, match="there is no job 4711"):
        ask(session, 4711, "ada")


@pytest.mark.parametrize("number", [0, -1, 4711, 2**31, 10**30])
def test_missing_job_is_said_to_be_missing(session, number):
    with pytest.raises(NotFound, match=f"there is no job {number}"):
        jobs.job(session, number)
    with pytest.raises(NotFound, match=f"there is no job {number}"):
        jobs.job_version(session, number)


def test_every_step_raises_the_version(session, running):
    before = jobs.job_version(session, running.id)

    jobs.cancel(session, running.id, "ada")

    assert jobs.job_version(session, running.id) == before + 1


def test_queue_position_counts_what_comes_before(session):
    first = jobs.add_job(session, new_job())
    second = jobs.add_job(session, new_job())
    urgent = jobs.add_job(session, new_job(priority=1))
    elsewhere = jobs.add_job(session, new_job(queue="gpu"))

    places = [jobs.queue_position(session, job.id) for job in (urgent, first, second, elsewhere)]

    assert places == [1, 2, 3, 1]


def test_running_job_has_no_queue_position(session, running):
    assert jobs.queue_position(session, running.id) is None

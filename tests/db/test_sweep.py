"""The sweep: what is lost is found, and nothing else is touched."""

import pytest
from sqlalchemy import text

from db import jobs, trials, workers
from db.errors import LeaseLost
from db.jobs import MAX_LOSSES, JobState
from db.session import reading, transaction
from tests.db.making import batch, new_job


def lose(session, job_id):
    """Take a job, and let its lease end unused."""
    claim = jobs.claim(session, job_id, worker_id="worker 1", lease_s=-1)
    swept = jobs.sweep(session, unclaimed_after_s=60)
    return claim, swept


def resent(session, idle_queues=("cpu",)):
    """What somebody sends again who has a free process for these queues."""
    swept = jobs.sweep(session, unclaimed_after_s=-1, idle_queues=idle_queues)
    return swept.to_send


def test_lost_job_waits_again_and_both_steps_are_written_down(session, queued):
    _, swept = lose(session, queued)

    history = [(line.state, line.actor) for line in jobs.history(session, queued)]
    assert swept.lost == [queued]
    assert history[-2:] == [("lost", "sweep"), ("queued", "sweep")]
    assert "worker 1" in jobs.job(session, queued).reason


def test_lost_job_is_sent_at_once(session, queued):
    _, swept = lose(session, queued)

    assert swept.to_send == [(queued, "cpu")]


def test_worker_of_a_lost_job_is_fenced_off(session, queued):
    claim, _ = lose(session, queued)

    with pytest.raises(LeaseLost):
        jobs.keep_lease(session, queued, claim.token, 60)
    with pytest.raises(LeaseLost):
        trials.record(session, queued, claim.token, batch([0]))
    with pytest.raises(LeaseLost):
        jobs.release(session, queued, claim.token, state=JobState.SUCCEEDED, reason="")
    assert jobs.job(session, queued).num_trials == 0


def test_job_with_a_living_lease_is_left_alone(session, running):
    swept = jobs.sweep(session, unclaimed_after_s=60)

    assert (swept.lost, swept.to_send) == ([], [])
    assert jobs.job(session, running.id).state is JobState.RUNNING


def test_late_worker_keeps_a_job_that_nobody_swept(session, queued):
    claim = jobs.claim(session, queued, worker_id="worker 1", lease_s=-1)

    jobs.keep_lease(session, queued, claim.token, 60)

    assert jobs.sweep(session, unclaimed_after_s=60).lost == []


@pytest.mark.parametrize(
    ("ask", "end"), [(jobs.cancel, JobState.CANCELLED), (jobs.pause, JobState.PAUSED)]
)
def test_job_that_was_asked_to_stop_stops_when_its_worker_dies(session, queued, ask, end):
    jobs.claim(session, queued, worker_id="worker 1", lease_s=-1)
    ask(session, queued, "ada")

    swept = jobs.sweep(session, unclaimed_after_s=60)

    assert swept.lost == []
    assert jobs.job(session, queued).state is end


def test_job_lost_too_often_without_a_trial_fails_with_the_cause(session, queued):
    for _ in range(MAX_LOSSES):
        lose(session, queued)

    job = jobs.job(session, queued)
    assert job.state is JobState.FAILED
    assert f"lost {MAX_LOSSES} times in a row without a new trial" in job.reason


def test_job_that_got_on_is_not_given_up(session, queued):
    for number in range(MAX_LOSSES + 2):
        claim = jobs.claim(session, queued, worker_id="worker 1", lease_s=-1)
        trials.record(session, queued, claim.token, batch([number]))
        jobs.sweep(session, unclaimed_after_s=60)

    assert jobs.job(session, queued).state is JobState.QUEUED


def test_job_that_is_tried_again_has_all_its_chances(session, queued):
    for _ in range(MAX_LOSSES):
        lose(session, queued)
    jobs.retry(session, queued, "ada")

    lose(session, queued)

    assert jobs.job(session, queued).state is JobState.QUEUED


def test_unsent_job_is_sent_once(session, queued):
    first = jobs.sweep(session, unclaimed_after_s=60)
    second = jobs.sweep(session, unclaimed_after_s=60)

    assert (first.to_send, second.to_send) == ([(queued, "cpu")], [])


def test_job_that_was_sent_is_left_to_its_message(session, queued):
    jobs.mark_sent(session, [queued])

    assert jobs.sweep(session, unclaimed_after_s=60).to_send == []


def test_message_that_nobody_took_is_sent_again(session, queued):
    jobs.mark_sent(session, [queued])

    assert resent(session) == [(queued, "cpu")]


def test_message_waits_while_nobody_would_take_it(session, queued):
    jobs.mark_sent(session, [queued])

    assert resent(session, []) == []
    assert resent(session, ["gpu"]) == []


def test_message_is_sent_again_though_its_worker_runs_something_beside(session, running):
    workers.report(session, workers.Report("worker 1", "host", 1, ["cpu"], {}))
    waiting = jobs.add_job(session, new_job()).id
    jobs.mark_sent(session, [waiting])

    assert resent(session) == [(waiting, "cpu")]


def test_urgent_jobs_are_sent_first(session):
    late = jobs.add_job(session, new_job()).id
    urgent = jobs.add_job(session, new_job(priority=5)).id

    assert jobs.sweep(session, unclaimed_after_s=60).to_send == [(urgent, "cpu"), (late, "cpu")]


def test_drafts_and_paused_jobs_are_not_sent(session, queued):
    jobs.add_job(session, new_job(state=JobState.DRAFT))
    jobs.pause(session, queued, "ada")

    assert resent(session) == []


def test_whoever_notes_that_jobs_were_sent_waits_for_nobody(postgresql_url):
    with transaction() as session:
        held, free = (jobs.add_job(session, new_job()).id for _ in range(2))

    with transaction() as asking:
        jobs.pause(asking, held, "ada")
        with transaction() as noting:
            noting.execute(text("SET LOCAL lock_timeout = '1s'"))
            jobs.mark_sent(noting, [held, free])

    with reading() as session:
        assert jobs.job(session, held).sent_at is None
        assert jobs.job(session, free).sent_at is not None

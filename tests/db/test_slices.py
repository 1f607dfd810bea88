"""A job that is cut: its slices are claimed, fenced and swept; it follows them."""

import pytest
from sqlalchemy import text

from db import jobs, schema, trials
from db import session as record
from db.errors import AlreadyRecorded, LeaseLost, NotFound, WrongState
from db.jobs import MAX_LOSSES, JobFilter, JobState
from db.tallies import tallies, told
from tests.db.making import batch, new_job, score, trial

S = JobState


@pytest.fixture
def cut(session) -> int:
    """The number of a job of three slices that waits."""
    return jobs.add_job(session, new_job(num_slices=3)).id


def ids(session, job_id) -> list[int]:
    return [found.id for found in jobs.slices_of(session, [job_id])]


def states(session, job_id) -> list[JobState]:
    return [found.state for found in jobs.slices_of(session, [job_id])]


def take(session, slice_id, lease_s=60.0) -> str:
    claim = jobs.claim(session, slice_id, worker_id=f"worker {slice_id}", lease_s=lease_s)
    assert claim is not None
    return claim.token


def finish(session, slice_id, state=S.SUCCEEDED, reason="finished") -> None:
    jobs.release(session, slice_id, take(session, slice_id), state=state, reason=reason)


def state(session, job_id) -> JobState:
    return jobs.job_or_slice(session, job_id).state


def test_only_slices_are_sent_and_taken(session, cut):
    assert [job_id for job_id, _ in jobs.to_send(session, cut)] == ids(session, cut)
    assert jobs.claim(session, cut, worker_id="w", lease_s=60) is None


def test_a_job_that_is_whole_is_sent_itself(session, queued):
    assert jobs.to_send(session, queued) == [(queued, "cpu")]


def test_a_claimed_slice_has_the_spec_of_its_job(session, cut):
    claim = jobs.claim(session, ids(session, cut)[1], worker_id="w", lease_s=60)

    assert claim.spec == jobs.job(session, cut).spec
    assert claim.parent_id == cut


def test_lists_counts_and_the_queue_show_the_job_alone(session, cut):
    later = jobs.add_job(session, new_job()).id
    take(session, ids(session, cut)[0])

    assert [job.id for job in jobs.jobs_page(session).rows] == [later, cut]
    assert jobs.counts_by_state(session) == {S.RUNNING: 1, S.QUEUED: 1}
    assert jobs.num_jobs(session, JobFilter(states=(S.RUNNING, S.QUEUED))) == 2
    assert jobs.queue_position(session, later) == 1


def test_the_job_runs_with_its_first_slice_and_succeeds_with_its_last(session, cut):
    seen = []
    for slice_id in ids(session, cut):
        finish(session, slice_id)
        seen.append(state(session, cut))

    job = jobs.job(session, cut)
    assert seen == [S.RUNNING, S.RUNNING, S.SUCCEEDED]
    assert [line.state for line in jobs.history(session, cut)] == [
        S.QUEUED,
        S.RUNNING,
        S.SUCCEEDED,
    ]
    assert (job.progress, job.started_at is None, job.finished_at is None) == (1.0, False, False)


def test_what_slices_find_is_the_jobs(session, cut):
    first, second, _ = ids(session, cut)
    one, two = take(session, first), take(session, second)
    trials.record(session, second, two, batch([1, 4], (0.7, 2.0)))
    trials.record(session, first, one, batch([0, 3], (0.5, 3.0)))

    job = jobs.job(session, cut)
    assert trials.columns(session, cut).numbers.tolist() == [0, 1, 3, 4]
    assert (job.num_trials, job.num_scores) == (4, 8)
    assert job.best == {"accuracy": 0.7, "latency_ms": 2.0}
    assert jobs.job_or_slice(session, first).num_trials == 2
    assert len(trials.columns(session, first)) == 0


def test_environments_of_slices_are_all_kept(session, cut):
    for slice_id, host in zip(ids(session, cut), ["2.12", "2.13", "2.12"], strict=True):
        token = take(session, slice_id)
        trials.record(session, slice_id, token, trials.Batch(environment={"torch": host}))

    found = jobs.job(session, cut).environment

    assert found == {"torch": "2.12", "others": [{"torch": "2.13"}]}


def test_progress_is_that_of_the_slices_together(session, cut):
    first, second, _ = ids(session, cut)
    finish(session, first)
    progress = trials.ProgressRow(0.5, eta_s=10.0)
    trials.record(session, second, take(session, second), batch([1], progress=progress))

    job = jobs.job(session, cut)
    assert job.progress == pytest.approx(0.5)
    assert job.eta_s == pytest.approx(30.0)
    assert job.progress_text == "1 trials; slices: 1 of 3 done, 1 running"


def test_the_version_of_the_job_grows_with_its_slices(session, cut):
    first = ids(session, cut)[0]
    token = take(session, first)
    before = jobs.job_version(session, cut)

    trials.record(session, first, token, batch([0]))

    assert jobs.job_version(session, cut) > before


def test_a_number_that_another_slice_has_written_is_refused(database_url):
    with record.transaction() as session:
        first, second, _ = ids(session, cut_id := jobs.add_job(session, new_job(num_slices=3)).id)
        one, two = take(session, first), take(session, second)
        trials.record(session, first, one, batch([0]))

    with pytest.raises(AlreadyRecorded), record.transaction() as session:
        trials.record(session, second, two, batch([0]))

    with record.reading() as session:
        assert jobs.job(session, cut_id).num_trials == 1


def test_a_worker_that_lost_its_slice_writes_nothing(session, cut):
    first = ids(session, cut)[0]
    token = take(session, first, lease_s=-1)
    jobs.sweep(session, unclaimed_after_s=60)

    with pytest.raises(LeaseLost):
        trials.record(session, first, token, batch([0]))
    with pytest.raises(LeaseLost):
        jobs.release(session, first, token, state=S.SUCCEEDED, reason="")


def test_a_lost_slice_waits_again_and_the_log_of_the_job_says_so(session, cut):
    first, second, _ = ids(session, cut)
    take(session, first, lease_s=-1)
    take(session, second)

    swept = jobs.sweep(session, unclaimed_after_s=60)

    assert swept.lost == [first]
    assert states(session, cut) == [S.QUEUED, S.RUNNING, S.QUEUED]
    assert state(session, cut) is S.RUNNING
    assert "slice 1: nothing was heard" in trials.log_tail(session, cut)[-1].message


def test_the_job_waits_again_when_nobody_has_a_slice_any_more(session, cut):
    take(session, ids(session, cut)[0], lease_s=-1)

    jobs.sweep(session, unclaimed_after_s=60)

    assert state(session, cut) is S.QUEUED


def test_a_slice_that_is_lost_too_often_fails_the_job(session, cut):
    first = ids(session, cut)[0]
    for _ in range(MAX_LOSSES):
        take(session, first, lease_s=-1)
        jobs.sweep(session, unclaimed_after_s=60)

    assert state(session, cut) is S.FAILED
    assert "slice 1: " in jobs.job(session, cut).reason


def test_a_failed_slice_ends_the_others_and_then_the_job(session, cut):
    first, second, _ = ids(session, cut)
    token = take(session, second)
    finish(session, first, S.FAILED, "no memory left")

    assert states(session, cut) == [S.FAILED, S.CANCELLING, S.CANCELLED]
    assert state(session, cut) is S.RUNNING
    jobs.release(session, second, token, state=S.CANCELLED, reason="stopped as asked")

    assert state(session, cut) is S.FAILED
    assert jobs.job(session, cut).reason == "slice 1: no memory left"


def test_retry_runs_only_what_is_missing(session, cut):
    first, second, third = ids(session, cut)
    finish(session, first)
    finish(session, second, S.FAILED, "no memory left")

    assert jobs.retry(session, cut, "ada") is S.QUEUED

    assert states(session, cut) == [S.SUCCEEDED, S.QUEUED, S.QUEUED]
    for slice_id in (second, third):
        finish(session, slice_id)
    assert state(session, cut) is S.SUCCEEDED


def test_pause_stops_every_slice_and_resume_lets_them_go_on(session, cut):
    first, second, _ = ids(session, cut)
    finish(session, first)
    token = take(session, second)

    assert jobs.pause(session, cut, "ada") is S.PAUSING
    assert states(session, cut) == [S.SUCCEEDED, S.PAUSING, S.PAUSED]
    jobs.release(session, second, token, state=S.PAUSED, reason="stopped")
    assert state(session, cut) is S.PAUSED

    assert jobs.resume(session, cut, "ada") is S.QUEUED
    assert states(session, cut) == [S.SUCCEEDED, S.QUEUED, S.QUEUED]


def test_cancel_ends_every_slice(session, cut):
    first = ids(session, cut)[0]
    token = take(session, first)

    assert jobs.cancel(session, cut, "ada") is S.CANCELLING
    jobs.release(session, first, token, state=S.CANCELLED, reason="stopped")

    assert states(session, cut) == [S.CANCELLED] * 3
    assert state(session, cut) is S.CANCELLED


@pytest.mark.parametrize(
    ("ask", "end"), [(jobs.cancel, S.CANCELLED), (jobs.pause, S.PAUSED)], ids=["cancel", "pause"]
)
def test_between_two_slices_it_stops_at_once(session, cut, ask, end):
    finish(session, ids(session, cut)[0])

    assert ask(session, cut, "ada") is end
    assert state(session, cut) is end


def test_a_slice_that_ends_while_its_job_is_paused_pauses_it(session, cut):
    first = ids(session, cut)[0]
    token = take(session, first)
    jobs.pause(session, cut, "ada")

    jobs.release(session, first, token, state=S.SUCCEEDED, reason="finished")

    assert states(session, cut) == [S.SUCCEEDED, S.PAUSED, S.PAUSED]
    assert state(session, cut) is S.PAUSED


@pytest.mark.parametrize("ask", [jobs.resume, jobs.retry], ids=["resume", "retry"])
def test_what_does_not_fit_the_state_is_refused_as_ever(session, cut, ask):
    with pytest.raises(WrongState, match=f"job {cut} is queued"):
        ask(session, cut, "ada")


def test_a_slice_is_not_asked_by_itself(session, cut):
    first = ids(session, cut)[0]

    with pytest.raises(NotFound, match=f"there is no job {first}"):
        jobs.cancel(session, first, "ada")
    with pytest.raises(NotFound):
        jobs.job(session, first)


def test_slices_leave_no_gap_in_the_numbers_of_jobs(session, cut):
    assert jobs.add_job(session, new_job()).id == cut + 1
    assert all(slice_id < 0 for slice_id in ids(session, cut))


def test_a_draft_is_submitted_with_its_slices(session):
    job_id = jobs.add_job(session, new_job(num_slices=2, state=S.DRAFT)).id
    before = jobs.to_send(session, job_id)

    jobs.submit_draft(session, job_id, "ada")

    assert before == []
    assert [sent for sent, _ in jobs.to_send(session, job_id)] == ids(session, job_id)


def test_the_sweep_sends_slices_and_not_their_job(session, cut):
    swept = jobs.sweep(session, unclaimed_after_s=60)

    assert [job_id for job_id, _ in swept.to_send] == ids(session, cut)


def test_the_next_slice_is_one_that_waits(session, cut):
    first, second, third = ids(session, cut)
    take(session, second)

    assert jobs.next_slice(session, first) == first
    finish(session, first)
    assert jobs.next_slice(session, first) == third
    finish(session, third)
    assert jobs.next_slice(session, third) is None


def test_a_job_without_slices_has_no_next_one(session, queued):
    assert jobs.next_slice(session, queued) is None


def measured(number, **changes):
    return score(number, 0, 0.5, **changes)


def test_where_scores_came_from_is_counted_and_told_at_the_end(session, running):
    shared = [measured(n, from_memory=True, is_shared=True) for n in (1, 2)]
    scores = [measured(0), *shared, measured(3, from_memory=True)]
    environment = {"metrics": {"accuracy": {"equivalence": "zero_aware"}}}
    found = trials.Batch([trial(n) for n in range(4)], scores, environment=environment)
    trials.record(session, running.id, running.token, found)

    (tally,) = tallies(jobs.job(session, running.id))
    assert (tally.measured, tally.shared, tally.recalled) == (1, 2, 1)
    jobs.release(session, running.id, running.token, state=S.SUCCEEDED, reason="finished")
    assert trials.log_tail(session, running.id)[-1].message == (
        "accuracy: 1 of 4 trials were measured; 1 was recalled from earlier searches; "
        "2 share a class under zero_aware with one of this search"
    )


def test_nothing_is_told_when_everything_was_measured(session, running):
    trials.record(session, running.id, running.token, batch([0, 1]))

    assert told(tallies(jobs.job(session, running.id))) == []


def test_a_sweep_in_which_nothing_met_the_constraints_names_the_nearest(session, cut):
    for number, slice_id in enumerate(ids(session, cut)):
        token = take(session, slice_id)
        found = trials.Batch([trial(number, state="infeasible", violation=3.0 - number)])
        trials.record(session, slice_id, token, found)
        jobs.release(session, slice_id, token, state=S.SUCCEEDED, reason="finished")

    lines = [line.message for line in trials.log_tail(session, cut)]
    assert lines[0] == "all 3 slices are done: 3 trials"
    assert lines[1].endswith(
        "nearest were trials 2 (violation 1), 1 (violation 2), 0 (violation 3)"
    )


class TestMigration:
    @pytest.fixture
    def postgresql_url(self, own_postgresql_url):
        """These tests change tables."""
        return own_postgresql_url

    def test_jobs_and_trials_outlive_the_way_up_and_down(self, database_url):
        with record.transaction() as session:
            whole = jobs.add_job(session, new_job()).id
            token = take(session, whole)
            trials.record(session, whole, token, batch(range(3)))
            cut = jobs.add_job(session, new_job(num_slices=2)).id

        schema.downgrade(record.engine(), "0001")
        with record.engine().begin() as connection:
            rows = connection.execute(text("SELECT id, state FROM job ORDER BY id")).all()
        schema.upgrade(record.engine())

        assert rows == [(whole, "running"), (cut, "cancelled")]
        with record.reading() as session:
            assert len(trials.columns(session, whole)) == 3
            assert jobs.job(session, whole).num_slices == 0

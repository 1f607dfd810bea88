"""Sweeps and controls as they are submitted, and slices as the task runs them."""

import os
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from db import jobs, trials, workers
from db.jobs import JobState
from db.session import reading, transaction
from db.workers import Report
from search.errors import SpecError
from search.spec import Spec, Submission, parse_submission
from tests.workers.fake_engine import value
from tests.workers.fake_offer import CATALOGUE
from tests.workers.processes import FAKE, fake_spec, queue_job, state
from tests.workers.test_queue import waiting
from workers.queue import clone, pause, resume, submit
from workers.tasks import Runner

S = JobState
NUM_SLICES = 4


@pytest.fixture
def offered(database_url: str) -> None:
    said = Report("w", "host", 1, ["cpu"], CATALOGUE.model_dump(mode="json"))
    with transaction() as session:
        workers.report(session, said)


def submission(**changes) -> Submission:
    content = {
        "name": "small",
        "space": {"name": "nasbench201"},
        "objectives": ["synflow", "params"],
        "strategy": {"name": "random"},
        "budget": {"trials": 1000},
    }
    return parse_submission({**content, **changes})


def job(job_id: int) -> jobs.Job:
    with reading() as session:
        return jobs.job(session, job_id)


def slices(job_id: int) -> list[jobs.Slice]:
    with reading() as session:
        return jobs.slices_of(session, [job_id])


@pytest.mark.usefixtures("offered")
class TestSubmittedSweep:
    def test_its_slices_are_sent(self):
        (job_id,) = submit(submission())

        assert job(job_id).num_slices == 5
        assert waiting() == [found.id for found in slices(job_id)]

    def test_a_search_that_learns_runs_whole(self):
        (job_id,) = submit(submission(strategy={"name": "regularized_evolution"}))

        assert job(job_id).num_slices == 0
        assert waiting() == [job_id]

    def test_the_digest_does_not_know_of_slices(self):
        (job_id,) = submit(submission())

        assert job(job_id).spec_digest == Spec.model_validate(job(job_id).spec).digest()

    def test_resuming_sends_what_is_missing(self):
        (job_id,) = submit(submission())
        pause(job_id)
        waiting()

        assert resume(job_id) is S.QUEUED
        assert waiting() == [found.id for found in slices(job_id)]


EVOLUTION = {"strategy": {"name": "regularized_evolution"}, "budget": {"trials": 50}}


@pytest.mark.usefixtures("offered")
class TestControl:
    def test_every_seed_has_one_of_equal_budget_in_the_group(self):
        ids = submit(submission(**EVOLUTION, seeds=2, control=True))

        first, control, second, other = (job(job_id) for job_id in ids)
        assert (control.control_of, other.control_of) == (first.id, second.id)
        assert {found.group_id for found in (first, control, second, other)} == {first.group_id}
        assert (control.strategy, control.name) == ("random", "small (control)")
        assert control.spec["budget"] == first.spec["budget"]
        assert (control.seed, other.seed) == (first.seed, second.seed)
        assert control.spec["objectives"] == first.spec["objectives"]

    def test_one_search_and_its_control_are_a_group(self):
        search_id, control_id = submit(submission(**EVOLUTION, control=True))

        with reading() as session:
            assert jobs.controls(session, search_id) == jobs.controls(session, control_id)
            assert jobs.controls(session, search_id) == [jobs.Control(search_id, control_id, 0)]

    def test_a_search_without_one_has_none(self):
        (job_id,) = submit(submission(**EVOLUTION))

        with reading() as session:
            assert jobs.controls(session, job_id) == []
        assert job(job_id).group_id is None

    def test_a_clone_has_one_again_unless_told_otherwise(self):
        search_id, control_id = submit(submission(**EVOLUTION, control=True))

        again = clone(search_id)
        alone = clone(search_id, {"control": False})

        assert [job(job_id).control_of for job_id in again] == [None, again[0]]
        assert job(again[0]).group_id != job(search_id).group_id
        assert len(alone) == 1
        assert [job(job_id).control_of for job_id in clone(control_id)] == [None]

    def test_a_random_search_needs_none(self):
        with pytest.raises(SpecError) as refused:
            submission(control=True)

        assert "random itself" in refused.value.fields["control"]

    def test_a_long_name_stays_within_its_limit(self):
        ids = submit(submission(**EVOLUTION, control=True, name="n" * 120))

        assert job(ids[1]).name.endswith("n (control)")
        assert len(job(ids[1]).name) == 120

    def test_best_so_far_is_that_of_feasible_trials_in_order(self, database_url):
        job_id = queue_job(fake_spec(5), is_sent=False)
        with transaction() as session:
            claim = jobs.claim(session, job_id, worker_id="w", lease_s=60)
            states = ["infeasible", "done", "done", "failed", "done", "screened"]
            rows = [trials.TrialRow(n, f"k{n}", [n], kind) for n, kind in enumerate(states)]
            found = [9.0, 2.0, 1.0, None, 3.0, 7.0]
            scores = [
                trials.ScoreRow(n, 0, "proxy", "failed" if v is None else "ok", v)
                for n, v in enumerate(found)
            ]
            trials.record(session, job_id, claim.token, trials.Batch(rows, scores))

        with reading() as session:
            best = jobs.best_so_far(session, job_id, 0)
        assert [str(value) for value in best] == ["nan", "2.0", "2.0", "2.0", "3.0"]


@pytest.fixture
def runner(sqlite_url: str) -> Iterator[Runner]:
    inner, outer = os.pipe()
    made = Runner("tester", replace(FAKE, go_on_s=30.0), inner)
    yield made
    made.dismiss()
    os.close(inner)
    os.close(outer)


def values(job_id: int) -> list[float]:
    with reading() as session:
        return trials.columns(session, job_id).values[:, 0].tolist()


class TestRunSlices:
    def test_one_message_runs_slices_as_long_as_they_take_no_time(self, runner: Runner):
        job_id = queue_job(fake_spec(31), is_sent=False, num_slices=NUM_SLICES)

        runner.run(slices(job_id)[0].id)

        assert state(job_id) is S.SUCCEEDED
        assert values(job_id) == [value(number) for number in range(31)]
        assert job(job_id).environment == {"engine": "fake"}

    def test_a_slice_that_took_long_is_followed_by_a_message(self, sqlite_url: str):
        inner, outer = os.pipe()
        patient = Runner("tester", replace(FAKE, go_on_s=0.0), inner)
        job_id = queue_job(fake_spec(31), is_sent=False, num_slices=NUM_SLICES)

        patient.run(slices(job_id)[0].id)
        kept = psutil.Process().children()
        patient.run(slices(job_id)[1].id)

        done = [found.state for found in slices(job_id)]
        assert done == [S.SUCCEEDED, S.SUCCEEDED, S.QUEUED, S.QUEUED]
        assert psutil.Process().children() == kept
        patient.dismiss()
        os.close(inner)
        os.close(outer)

    def test_the_log_names_the_slice(self, runner: Runner):
        job_id = queue_job(fake_spec(10), is_sent=False, num_slices=2)

        runner.run(slices(job_id)[0].id)

        with reading() as session:
            lines = [line.message for line in trials.log_tail(session, job_id)]
        assert lines == [
            "slice 1: started",
            "slice 2: started",
            "all 2 slices are done: 10 trials",
        ]

    def test_an_error_fails_the_job_with_its_slice_and_cause(self, runner: Runner):
        job_id = queue_job(fake_spec(20, raise_at=12), is_sent=False, num_slices=2)

        runner.run(slices(job_id)[0].id)

        assert state(job_id) is S.FAILED
        assert job(job_id).reason.startswith("slice 1: unexpected ValueError")

    def test_a_trial_that_kills_its_process_is_a_failed_trial_of_its_number(self, runner: Runner):
        job_id = queue_job(fake_spec(20, crash_at=13), is_sent=False, num_slices=2)

        runner.run(slices(job_id)[0].id)

        assert state(job_id) is S.SUCCEEDED
        with reading() as session:
            states = trials.columns(session, job_id).states.tolist()
        failed = trials.TRIAL_STATES.index("failed")
        assert [number for number, found in enumerate(states) if found == failed] == [13]

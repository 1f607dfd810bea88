"""The team's memory: what was measured once is found again, and only that."""

import pytest

from db import jobs, trials
from tests.db.making import batch, new_job, score, trial


@pytest.fixture
def two_jobs(session):
    """Two jobs that looked at archs 0, 1, 2 and at archs 1, 2, 3."""
    return [run(session, [0, 1, 2]), run(session, [1, 2, 3])]


def run(session, archs):
    job_id = jobs.add_job(session, new_job()).id
    token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token
    rows = [trial(n, arch_key=f"key {arch}", choices=[arch]) for n, arch in enumerate(archs)]
    scores = [
        score(n, 0, job_id + arch / 10, memory_key=f"accuracy of {arch}")
        for n, arch in enumerate(archs)
    ]
    trials.record(session, job_id, token, trials.Batch(rows, scores))
    return job_id


def arch(number):
    return trials.arch_id("nasbench201", f"key {number}")


def test_recall_finds_what_was_measured_and_where(session, two_jobs):
    known = trials.recall(session, ["accuracy of 0", "accuracy of 9"])

    assert list(known) == ["accuracy of 0"]
    found = known["accuracy of 0"]
    assert (found.job_id, found.number, found.value) == (two_jobs[0], 0, two_jobs[0])
    assert (found.kind, found.status) == ("proxy", "ok")


def test_of_two_measurements_the_older_stands(session, two_jobs):
    assert trials.recall(session, ["accuracy of 1"])["accuracy of 1"].job_id == two_jobs[0]


@pytest.mark.parametrize(
    ("status", "num"), [("undefined", 1), ("failed", 0), ("not_applicable", 0)]
)
def test_undefined_is_remembered_and_failure_is_not(session, running, status, num):
    missing = score(0, 0, None, status=status, memory_key="k")

    trials.record(session, running.id, running.token, trials.Batch([trial(0)], [missing]))

    assert len(trials.recall(session, ["k"])) == num
    assert trials.share_in_memory(session, ["k"]) == num


def test_thousands_of_keys_are_recalled_at_once(session, running):
    scores = [score(n, 0, float(n), memory_key=f"k{n}") for n in range(3000)]
    rows = [trial(n) for n in range(3000)]
    trials.record(session, running.id, running.token, trials.Batch(rows, scores))
    keys = [f"k{n}" for n in range(1000, 5000)]

    known = trials.recall(session, keys)

    assert len(known) == trials.share_in_memory(session, keys) == 2000
    assert known["k2999"].value == 2999.0


def test_keys_named_twice_count_once(session, two_jobs):
    keys = ["accuracy of 0", "accuracy of 0", "accuracy of 1", "unknown"]

    assert trials.share_in_memory(session, keys) == 2


def test_nothing_is_known_of_nothing(session):
    assert trials.recall(session, []) == {}
    assert trials.share_in_memory(session, []) == 0
    assert trials.scores_of_archs(session, []) == []


def test_visited_gives_every_trial_in_order(session, running):
    for numbers in ([3, 1], [2]):
        rows = [trial(n, arch_key=f"key {n % 2}", choices=[n % 2]) for n in numbers]
        trials.record(session, running.id, running.token, trials.Batch(rows))

    assert list(trials.visited(session, running.id)) == [((1,), None), ((0,), None), ((1,), None)]


def test_visited_tells_what_was_scored_of_a_screened_arch(session, running):
    rows = [trial(0, state="screened"), trial(1), trial(2, state="screened")]
    scores = [score(0, 1, 3.0), score(1, 0, None), score(2, 0, None)]
    trials.record(session, running.id, running.token, trials.Batch(rows, scores))

    assert [only for _, only in trials.visited(session, running.id)] == [(1,), None, (0,)]


def test_scores_of_an_arch_come_from_all_jobs_newest_first(session, two_jobs):
    known = trials.scores_of_arch(session, arch(1))

    assert [(k.job_id, k.number, k.value) for k in known] == [
        (two_jobs[1], 0, two_jobs[1] + 0.1),
        (two_jobs[0], 1, two_jobs[0] + 0.1),
    ]
    assert {k.objective for k in known} == {"accuracy"}


def test_scores_of_neighbours_are_found_together(session, two_jobs):
    known = trials.scores_of_archs(session, [arch(0), arch(3), arch(9)])

    assert {k.arch_id for k in known} == {arch(0), arch(3)}


def test_scores_of_many_trials_are_all_found(session, running):
    trials.record(session, running.id, running.token, batch(range(1200)))

    known = trials.scores_of_archs(session, [arch(n) for n in range(1200)])

    assert len(known) == 2400
    assert {(k.number, k.objective) for k in known} == {
        (n, name) for n in range(1200) for name in ("accuracy", "latency_ms")
    }


def test_jobs_of_an_arch_say_where_it_was_met(session, two_jobs):
    met = trials.jobs_of_arch(session, arch(2))

    assert [(m.job_id, m.number, m.job_name) for m in met] == [
        (two_jobs[1], 1, "a search"),
        (two_jobs[0], 2, "a search"),
    ]

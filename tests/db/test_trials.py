"""Writing batches: whole or not at all, never twice, and nothing that is no number."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from db import jobs, trials
from db.errors import AlreadyRecorded, LeaseLost, NotFound
from db.models import Arch, Score, Trial
from db.session import reading, transaction
from tests.db.making import SPEC, batch, new_job, score, trial


def record(session, running, *args, **more):
    trials.record(session, running.id, running.token, trials.Batch(*args, **more))


def num(session, model):
    return session.execute(select(func.count()).select_from(model)).scalar_one()


def test_batch_is_read_as_it_was_written(session, running):
    written = trial(
        7, arch_key="|a~0|", choices=[1, 2], parents=[3, 5], violation=0.5, clock_s=9.0
    )
    scored = score(7, 1, 2.5, seconds=0.25, details={"spread": 0.1}, provenance_id="p")

    record(session, running, [written], [scored], provenance={"p": {"threads": 1}})

    line = trials.trial(session, running.id, 7)
    assert (line.arch_key, line.choices, line.parents) == ("|a~0|", (1, 2), (3, 5))
    assert (line.state, line.violation, line.clock_s) == ("done", 0.5, 9.0)
    assert line.arch_id == trials.arch_id("nasbench201", "|a~0|")
    assert (line.scores[1].value, line.scores[1].details) == (2.5, {"spread": 0.1})
    assert trials.provenance(session, ["p"]) == {"p": {"threads": 1}}


def test_counters_progress_and_checkpoint_follow_the_batch(session, running):
    progress = trials.ProgressRow(0.25, 12.5, "3 of 12")

    trials.record(
        session,
        running.id,
        running.token,
        batch([0, 1, 2], progress=progress, checkpoint={"next": 3}, environment={"torch": "2"}),
    )

    job = jobs.job(session, running.id)
    assert (job.num_trials, job.num_scores, job.num_from_memory) == (3, 6, 0)
    assert (job.progress, job.eta_s, job.progress_text) == (0.25, 12.5, "3 of 12")
    assert (job.checkpoint, job.environment) == ({"next": 3}, {"torch": "2"})


def test_every_batch_raises_the_version(session, running):
    before = jobs.job_version(session, running.id)

    record(session, running, logs=[trials.LogRow("info", "hello")])

    assert jobs.job_version(session, running.id) == before + 1


def test_wrong_token_writes_nothing(session, running):
    with pytest.raises(LeaseLost):
        trials.record(session, running.id, "another", batch([0]))

    assert num(session, Trial) == num(session, Score) == num(session, Arch) == 0


def test_arch_is_stored_once_for_all_jobs(session, running):
    other = jobs.add_job(session, new_job()).id
    token = jobs.claim(session, other, worker_id="w", lease_s=60).token

    trials.record(session, running.id, running.token, batch([0, 1]))
    trials.record(session, other, token, batch([1, 2]))

    assert num(session, Arch) == 3


def test_equal_keys_of_two_spaces_are_two_archs():
    assert trials.arch_id("a", "key") != trials.arch_id("b", "key")
    assert len(trials.arch_id("a", "key")) == 20


def test_same_batch_is_refused_the_second_time_and_nothing_changes(database_url):
    with transaction() as session:
        job_id = jobs.add_job(session, new_job()).id
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token
        trials.record(session, job_id, token, batch([0, 1]))

    with pytest.raises(AlreadyRecorded), transaction() as session:
        trials.record(session, job_id, token, batch([1, 2], checkpoint={"next": 3}))

    with reading() as session:
        job = jobs.job(session, job_id)
        assert (job.num_trials, job.checkpoint) == (2, None)
        assert trials.columns(session, job_id).numbers.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("status", "value"),
    [
        ("ok", None),
        ("ok", math.nan),
        ("ok", math.inf),
        ("undefined", 1.0),
        ("undefined", math.nan),
        ("failed", 0.0),
        ("fine", None),
    ],
)
def test_score_that_contradicts_itself_is_refused(session, running, status, value):
    with pytest.raises(ValueError, match="trial 0"):
        record(session, running, [trial(0)], [score(0, 0, value, status=status)])

    assert num(session, Trial) == 0


def test_raw_value_of_an_undefined_score_is_kept_as_a_word(session, running):
    undefined = score(0, 0, None, details={"raw": math.nan, "all": [math.inf, -math.inf, 1.0]})

    record(session, running, [trial(0)], [undefined])

    details = trials.trial(session, running.id, 0).scores[0].details
    assert details == {"raw": "nan", "all": ["inf", "-inf", 1.0]}


def test_checkpoint_with_nan_is_refused(database_url):
    with transaction() as session:
        job_id = jobs.add_job(session, new_job()).id
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token

    with pytest.raises(Exception, match="not JSON compliant"), transaction() as session:
        trials.record(session, job_id, token, trials.Batch(checkpoint={"best": math.nan}))


@pytest.mark.parametrize("text", ["\0", "\ud800", "a\0b", "\N{SNOWMAN}"])
def test_any_text_can_be_logged(session, running, text):
    record(session, running, logs=[trials.LogRow("error", text)])

    (line,) = trials.log_tail(session, running.id)
    assert line.message == text.replace("\0", "\ufffd").replace("\ud800", "?")


def test_recalled_score_is_counted_and_is_no_source_of_memory(session, running):
    recalled = score(0, 0, 1.0, from_memory=True, memory_key="k")

    record(session, running, [trial(0)], [recalled])

    assert jobs.job(session, running.id).num_from_memory == 1
    assert trials.recall(session, ["k"]) == {}


def test_best_is_by_direction_and_grows_over_batches(session, running):
    trials.record(session, running.id, running.token, batch([0], (0.5, 3.0)))
    trials.record(session, running.id, running.token, batch([1], (0.7, 9.0)))
    trials.record(session, running.id, running.token, batch([2], (0.6, 2.0)))

    assert jobs.job(session, running.id).best == {"accuracy": 0.7, "latency_ms": 2.0}


@pytest.mark.parametrize("state", ["infeasible", "failed", "screened"])
def test_best_ignores_what_is_not_feasible(session, running, state):
    record(session, running, [trial(0, state=state)], [score(0, 0, 99.0)])

    assert jobs.job(session, running.id).best is None


def test_best_needs_a_direction(session):
    spec = {"objectives": [{"name": "a"}]}
    job_id = jobs.add_job(session, new_job(spec=spec)).id
    token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token

    trials.record(session, job_id, token, trials.Batch([trial(0)], [score(0, 0, 1.0)]))

    assert jobs.job(session, job_id).best is None


def test_metric_told_again_replaces_the_first(session, running):
    record(session, running, metrics=[trials.MetricRow("loss", 0, 2.0)])
    again = [trials.MetricRow("loss", 1, math.nan), trials.MetricRow("loss", 0, 1.0)]
    record(session, running, metrics=again)

    assert trials.metrics(session, running.id) == {"loss": [(0, 1.0), (1, None)]}


def test_log_is_read_from_its_end_or_after_a_line(session, running):
    for first in (0, 50):
        lines = [trials.LogRow("info", f"line {first + i}") for i in range(50)]
        record(session, running, logs=lines)

    tail = trials.log_tail(session, running.id, limit=2)
    following = trials.log_tail(session, running.id, after=98)
    middle = trials.log_tail(session, running.id, after=10, limit=3)

    assert [line.message for line in tail] == ["line 98", "line 99"]
    assert [line.number for line in following] == [99, 100]
    assert [line.number for line in middle] == [11, 12, 13]


def test_unknown_arch_is_said_to_be_unknown(session):
    with pytest.raises(NotFound, match="no architecture abc"):
        trials.arch(session, "abc")


@pytest.mark.parametrize("number", [1, -1, 2**40])
def test_missing_trial_is_said_to_be_missing(session, running, number):
    trials.record(session, running.id, running.token, batch([0]))

    with pytest.raises(NotFound, match=f"has no trial {number}"):
        trials.trial(session, running.id, number)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=6),
    repeat=st.integers(0, 5),
)
def test_batches_with_repeats_record_every_trial_once(database_url, sizes, repeat):
    with transaction() as session:
        job_id = jobs.add_job(session, new_job(spec=SPEC)).id
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    batches = [range(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    batches.insert(min(repeat, len(batches)), batches[min(repeat, len(batches) - 1)])

    for numbers in batches:
        try:
            with transaction() as session:
                trials.record(session, job_id, token, batch(numbers))
        except AlreadyRecorded:
            continue

    with reading() as session:
        assert trials.columns(session, job_id).numbers.tolist() == list(range(sum(sizes)))
        assert jobs.job(session, job_id).num_trials == sum(sizes)

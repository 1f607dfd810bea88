"""A control waits for the supernet of its search, and is not left waiting for nothing."""

from typing import Any

import pytest

from db import jobs, trials
from db.artifacts import remove_artifact
from db.errors import InUse, LeaseLost
from db.jobs import JobState
from db.session import reading, transaction
from tests.db.making import SPEC, new_job

TRAINS = {**SPEC, "supernet": {"recipe": {"name": "spos", "params": {}}, "checkpoint": None}}
DIGEST = "1" * 32


@pytest.fixture
def pair(session):
    """A search that trains a supernet, and its control."""
    search = jobs.add_job(session, new_job(spec=TRAINS)).id
    control = jobs.add_job(session, new_job(spec=TRAINS, control_of=search)).id
    return search, control


def take(session, job_id):
    return jobs.claim(session, job_id, worker_id="worker 1", lease_s=60)


def tell(session, job_id, token, **info: Any):
    row = trials.ArtifactRow("checkpoint", "spos.safetensors", DIGEST, 10, info)
    trials.record(session, job_id, token, trials.Batch(artifacts=[row], checkpoint={"step": 1}))


def train(session, search):
    """The search is at work, its supernet is trained."""
    claim = take(session, search)
    tell(session, search, claim.token, steps=6)
    return claim.token


def end(session, search, state):
    """The search ends before its supernet is trained."""
    token = take(session, search).token
    if state is JobState.CANCELLED:
        jobs.cancel(session, search, "ada")
    jobs.release(session, search, token, state=state, reason="no memory")


def sent(session):
    return jobs.sweep(session, unclaimed_after_s=60).to_send


def test_a_control_can_be_taken_when_the_supernet_of_its_search_is_trained(session, pair):
    search, control = pair
    before = jobs.to_send(session, control), take(session, control), sent(session)

    train(session, search)

    assert before == ([], None, [(search, "cpu")])
    assert sent(session) == [(control, "cpu")]
    assert take(session, control) is not None


def test_what_is_kept_on_the_way_is_not_waited_for(session, pair):
    search, control = pair
    token = take(session, search).token

    tell(session, search, token, steps=3, num_steps=6)

    assert jobs.waits_for(session, control) == search
    assert take(session, control) is None


def test_a_control_finds_the_supernet_when_it_begins(session, pair):
    search, control = pair
    train(session, search)

    found = [jobs.supernet_for(session, jobs.job(session, one)) for one in pair]

    assert found == [None, DIGEST]
    assert jobs.waits_for(session, control) is None


def test_a_control_that_waits_is_not_in_line(session, pair):
    search, control = pair
    later = jobs.add_job(session, new_job()).id

    places = [jobs.queue_position(session, one) for one in (search, control, later)]

    assert places == [1, None, 2]


def test_other_controls_wait_for_nothing(session):
    search = jobs.add_job(session, new_job()).id
    used = {**SPEC, "supernet": {"recipe": None, "checkpoint": DIGEST}}
    plain = jobs.add_job(session, new_job(control_of=search)).id
    using = jobs.add_job(session, new_job(spec=used, control_of=search)).id

    assert take(session, plain) is not None
    assert take(session, using) is not None


def test_a_control_that_has_begun_a_training_of_its_own_goes_on(session, pair):
    _, control = pair
    jobs.job(session, control).checkpoint = {"training": {"step": 5}}
    session.flush()

    assert take(session, control) is not None
    assert jobs.supernet_for(session, jobs.job(session, control)) is None


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (JobState.FAILED, "has failed; retry that one"),
        (JobState.CANCELLED, "is cancelled; retry that one"),
    ],
)
def test_a_control_ends_with_a_search_that_trained_nothing(session, pair, state, why):
    search, control = pair
    end(session, search, state)

    jobs.sweep(session, unclaimed_after_s=60)

    ended = jobs.job(session, control)
    assert ended.state is JobState.CANCELLED
    assert ended.reason == (
        f"the trained supernet of its search will not come: search {search} {why}"
    )


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_a_control_outlives_a_search_that_has_trained(session, pair, state):
    search, control = pair
    token = train(session, search)
    if state is JobState.CANCELLED:
        jobs.cancel(session, search, "ada")
    jobs.release(session, search, token, state=state, reason="")

    assert sent(session) == [(control, "cpu")]
    assert take(session, control) is not None


def test_a_supernet_is_not_discarded_before_the_control_has_used_it(session, pair):
    search, control = pair
    token = train(session, search)
    jobs.release(session, search, token, state=JobState.SUCCEEDED, reason="")

    with pytest.raises(InUse, match=f"job {control}"):
        remove_artifact(session, DIGEST)
    jobs.cancel(session, control, "ada")
    remove_artifact(session, DIGEST)
    jobs.retry(session, control, "ada")
    jobs.sweep(session, unclaimed_after_s=60)

    assert jobs.job(session, control).state is JobState.CANCELLED
    assert "had one, and it was discarded" in jobs.job(session, control).reason


def test_a_search_that_is_tried_again_is_waited_for_again(session, pair):
    search, control = pair
    end(session, search, JobState.FAILED)
    jobs.sweep(session, unclaimed_after_s=60)

    jobs.retry(session, search, "ada")
    jobs.sweep(session, unclaimed_after_s=60)

    assert jobs.job(session, control).state is JobState.QUEUED
    assert jobs.waits_for(session, control) == search


def test_a_control_that_a_person_cancelled_stays_cancelled(session, pair):
    search, control = pair
    jobs.cancel(session, control, "ada")
    end(session, search, JobState.FAILED)
    jobs.sweep(session, unclaimed_after_s=60)

    jobs.retry(session, search, "ada")

    assert jobs.job(session, control).state is JobState.CANCELLED


def test_a_paused_control_ends_too_and_others_are_left_alone(session, pair):
    search, control = pair
    jobs.pause(session, control, "ada")
    other = jobs.add_job(session, new_job()).id
    end(session, search, JobState.FAILED)

    jobs.sweep(session, unclaimed_after_s=60)

    states = [jobs.job(session, one).state for one in (control, other)]
    assert states == [JobState.CANCELLED, JobState.QUEUED]


def test_only_its_worker_describes_a_control_anew(session, pair):
    search, control = pair
    train(session, search)
    claim = take(session, control)

    with pytest.raises(LeaseLost):
        jobs.describe_anew(session, control, "other", {}, "2" * 32)
    jobs.describe_anew(session, control, claim.token, {**TRAINS, "name": "anew"}, "2" * 32)

    assert jobs.job(session, control).spec["name"] == "anew"
    assert jobs.job(session, control).spec_digest == "2" * 32


def test_a_search_that_is_tried_again_just_now_keeps_its_control(postgresql_url):
    with transaction() as session:
        search = jobs.add_job(session, new_job(spec=TRAINS)).id
        control = jobs.add_job(session, new_job(spec=TRAINS, control_of=search)).id
        end(session, search, JobState.FAILED)

    with transaction() as retrying:
        jobs.retry(retrying, search, "ada")
        with transaction() as sweeping:
            jobs.sweep(sweeping, unclaimed_after_s=60)

    with reading() as session:
        assert jobs.job(session, control).state is JobState.QUEUED

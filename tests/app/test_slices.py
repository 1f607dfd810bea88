"""A search that several workers run in slices: what its page and the API tell of it."""

import pytest

from app.api import create_api
from app.views import _search_head
from db import jobs, trials
from db.models import JobState
from db.session import reading, transaction
from search.spaces import spaces
from tests.app import filling
from tests.app.asking import Client
from tests.app.conftest import words

SPACE = spaces["nasbench201"]


@pytest.fixture
def job(with_worker):
    """A search of three slices: one is done, one runs, one waits."""
    with transaction() as session:
        job_id = filling.add_job(session, filling.a_spec("a sweep"), num_slices=3)
        first, second, _ = [found.id for found in jobs.slices_of(session, [job_id])]
        token = filling.claimed(session, first)
        trials.record(session, first, token, batch())
        jobs.release(session, first, token, state=JobState.SUCCEEDED, reason="done")
        filling.claimed(session, second)
    return job_id


def batch():
    """Two trials measured, one that shares, one recalled."""
    archs = [SPACE.at(index) for index in range(4)]
    rows = [trials.TrialRow(n, SPACE.key(arch), arch, "done") for n, arch in enumerate(archs)]
    shared = {2: {"from_memory": True, "is_shared": True}, 3: {"from_memory": True}}
    scores = [
        trials.ScoreRow(n, place, kind, "ok", float(n), **shared.get(n, {}))
        for place, kind in enumerate(("proxy", "cost"))
        for n in range(4)
    ]
    return trials.Batch(trials=rows, scores=scores)


def test_the_page_says_how_many_slices_are_done_and_run(job, open_page):
    page = open_page("search", id=job)

    told = "\n".join(bar.proto.text for bar in page.get("progress"))
    assert "slices: 1 of 3 done, 1 running on 1 worker" in told


def test_the_words_about_slices():
    with_states = [("succeeded", None), ("running", "a"), ("running", "b"), ("queued", None)]
    slices = [
        jobs.Slice(n, 1, n, 4, worker, 0.5, JobState(state))
        for n, (state, worker) in enumerate(with_states)
    ]

    assert _search_head._sliced(slices) == "slices: 1 of 4 done, 2 running on 2 workers"
    assert _search_head._sliced(slices[:1]) == "slices: 1 of 1 done"
    assert _search_head._sliced([]) == ""


def test_the_page_says_where_scores_came_from(job, open_page):
    told = words(open_page("search", id=job)).replace("\\", "")

    assert "nwot, macs: 2 of 4 trials were measured; 1 was recalled" in told


def test_programs_learn_where_scores_came_from(job):
    found = Client(create_api()).get(f"/jobs/{job}").json()

    assert found["num_slices"] == 3
    assert [tally["objective"] for tally in found["scores_from"]] == ["nwot", "macs"]
    first = found["scores_from"][0]
    assert (first["measured"], first["shared"], first["recalled"]) == (2, 1, 1)
    assert first["equivalence"] == "exact"


def test_selected_trials_are_shown_while_others_are_missing(with_worker, open_page):
    rows = [trials.TrialRow(n, SPACE.key(SPACE.at(n)), SPACE.at(n), "done") for n in (0, 512)]
    with transaction() as session:
        gaps = filling.add_job(session, filling.a_spec("sliced"))
        token = filling.claimed(session, gaps)
        trials.record(session, gaps, token, trials.Batch(trials=rows))

    assert "Trial 512" in words(open_page("search", id=gaps, trials="1,512"))


def test_a_slice_that_is_nearly_done_is_not_said_to_be_done(with_worker, open_page):
    with transaction() as session:
        cut = filling.add_job(session, filling.a_spec("a sweep"), num_slices=2)
        first, _ = [found.id for found in jobs.slices_of(session, [cut])]
        token = filling.claimed(session, first)
        trials.record(
            session, first, token, trials.Batch(progress=trials.ProgressRow(0.996, None, ""))
        )

    told = "\n".join(bar.proto.text for bar in open_page("workers").get("progress"))

    assert "99 %" in told
    assert "100" not in told


def test_slices_are_no_searches_of_their_own(job):
    with reading() as session:
        assert [found.id for found in jobs.jobs_page(session).rows] == [job]

"""Trials that were screened only: counted beside the others, and never among the best."""

import pytest

from app.api import create_api
from db import jobs, trials
from db.models import JobState
from db.session import reading, transaction
from search.spaces import spaces
from tests.app import filling
from tests.app.asking import Client
from tests.app.conftest import words

SPACE = spaces["nasbench201"]
FULL, SCREENED = 3, 5
NWOT = [1.0, 2.0, 3.0, 50.0, 60.0, 70.0, 80.0, None]


@pytest.fixture
def job(with_worker):
    """Three trials in full, then five screened by nwot, the last of which failed."""
    with transaction() as session:
        job_id = filling.add_job(session, filling.a_spec("warm", ("nwot", "macs")))
        token = filling.claimed(session, job_id)
        trials.record(session, job_id, token, trials.Batch(trials=rows(), scores=scores()))
        done = JobState.SUCCEEDED
        jobs.release(session, job_id, token, state=done, reason="every trial is done")
    return job_id


def rows():
    archs = [SPACE.at(number) for number in range(len(NWOT))]
    states = ["done"] * FULL + ["screened"] * SCREENED
    return [
        trials.TrialRow(n, SPACE.key(arch), arch, state)
        for n, (arch, state) in enumerate(zip(archs, states, strict=True))
    ]


def scores():
    found = [trials.ScoreRow(n, 1, "cost", "ok", 10.0 - n) for n in range(FULL)]
    for number, value in enumerate(NWOT):
        status = "failed" if value is None else "ok"
        details = {"error": "out of memory"} if value is None else None
        row = trials.ScoreRow(number, 0, "proxy", status, value, details=details)
        found.append(row)
    return found


def test_the_head_counts_them_apart(job, open_page):
    assert "3 trials, 5 screened" in words(open_page("search", id=job))


@pytest.mark.parametrize("path", ["", "searches"])
def test_lists_count_them_apart(job, open_page, path):
    page = open_page(path)

    assert "3  \n5 screened" in [caption.value for caption in page.caption]


def test_the_chart_says_why_they_are_not_drawn(job, open_page):
    page = open_page("search", id=job)

    assert "5 screened only: not drawn, for they were not scored for both" in words(page)


def trial_numbers(page):
    return page.dataframe[0].value["trial"].tolist()


def test_the_best_come_without_them(job, open_page):
    page = open_page("search", id=job, sort="nwot")

    assert trial_numbers(page) == [2, 1, 0]
    assert "5 screened only are not ordered" in words(page)


def test_they_are_ordered_when_they_are_asked_for(job, open_page):
    page = open_page("search", id=job, sort="nwot", state="screened")

    assert trial_numbers(page) == [6, 5, 4, 3, 7]


def test_by_number_they_stand_in_their_place(job, open_page):
    page = open_page("search", id=job)

    assert trial_numbers(page) == list(range(8))
    assert page.dataframe[0].value.iloc[3, 3] == ""  # macs were not asked for


def test_those_that_failed_are_listed_with_their_cause(job, open_page):
    page = open_page("search", id=job, tab="statuses")

    assert "1 failed trial" in words(page)
    assert "Trial 7, screened: out of memory" in words(page)


def test_an_architecture_stands_among_the_trials_in_full(job, open_page):
    with reading() as session:
        arch_id = trials.trial(session, job, 2).arch_id

    page = open_page("arch", id=arch_id)

    assert "the best of 3" in "\n".join(bar.proto.text for bar in page.get("progress")).replace(
        "\\", ""
    )


def test_programs_learn_their_number(job):
    found = Client(create_api()).get(f"/jobs/{job}").json()

    assert (found["num_trials"], found["num_screened"]) == (8, 5)


def test_a_search_that_has_only_screened_yet_says_so(with_worker, open_page):
    with transaction() as session:
        job_id = filling.add_job(session, filling.a_spec("warm", ("nwot", "macs")))
        token = filling.claimed(session, job_id)
        pool = [
            trials.TrialRow(n, r.arch_key, r.choices, "screened") for n, r in enumerate(rows())
        ]
        found = [trials.ScoreRow(n, 0, "proxy", "ok", float(n)) for n in range(len(pool))]
        trials.record(session, job_id, token, trials.Batch(trials=pool, scores=found))

    page = open_page("search", id=job_id)

    assert "8 architectures screened so far" in words(page)
    assert "meets all limits" not in words(page)


def test_what_was_screened_only_stands_nowhere(job, open_page):
    arch = SPACE.at(FULL)

    page = open_page("arch", id=trials.arch_id("nasbench201", SPACE.key(arch)))

    assert not page.exception
    assert "Where it stands" not in words(page)

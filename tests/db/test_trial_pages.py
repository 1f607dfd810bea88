"""The table of trials: every page of every order is what sorting by hand gives."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import jobs, trial_pages, trials
from db.session import reading, transaction
from db.trials import TrialFilter
from tests.db.making import batch, new_job, score, trial


@pytest.fixture
def ten(session, running):
    """A job of ten trials: accuracy 9, 8, ..., 0, but none for 3; latencies in pairs."""
    rows = [trial(n, state="failed" if n == 3 else "done") for n in range(10)]
    scores = [score(n, 0, None if n == 3 else 9.0 - n) for n in range(10)]
    scores += [score(n, 1, float(n // 2)) for n in range(10)]
    trials.record(session, running.id, running.token, trials.Batch(rows, scores))
    return running.id


def numbers(page):
    return [line.number for line in page.rows]


@pytest.fixture(params=[0, 100], ids=["by index", "by sorting"])
def few(request, monkeypatch):
    """Both ways to find a page, whatever the number of trials."""
    monkeypatch.setattr(trial_pages, "_FEW", request.param)


def test_pages_by_number(session, ten):
    page = trials.trials_page(session, ten, page=2, per_page=4)
    backwards = trials.trials_page(session, ten, descending=True, page=3, per_page=4)

    assert (numbers(page), page.total) == ([4, 5, 6, 7], 10)
    assert numbers(backwards) == [1, 0]


def test_page_before_the_first_is_the_first(session, ten):
    assert numbers(trials.trials_page(session, ten, page=-3, per_page=2)) == [0, 1]


def test_page_after_the_last_is_empty(session, ten):
    assert numbers(trials.trials_page(session, ten, page=99)) == []


def test_missing_values_come_last_in_both_directions(session, ten, few):
    up = trials.trials_page(session, ten, sort=0)
    down = trials.trials_page(session, ten, sort=0, descending=True)

    assert numbers(up) == [9, 8, 7, 6, 5, 4, 2, 1, 0, 3]
    assert numbers(down) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 3]


def test_trials_without_any_score_come_after_all(session, ten, running, few):
    trials.record(session, ten, running.token, trials.Batch([trial(10), trial(11)]))

    assert numbers(trials.trials_page(session, ten, sort=0))[-3:] == [3, 10, 11]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TrialFilter(states=("failed",)), [3]),
        (TrialFilter(states=("failed", "done"), numbers=(1, 3, 99)), [1, 3]),
        (TrialFilter(numbers=()), []),
        (TrialFilter(ranges={0: (2.0, 4.0)}), [7, 6, 5]),
        (TrialFilter(ranges={0: (2.0, None), 1: (None, 1.0)}), [2, 1, 0]),
        (TrialFilter(text="key 7"), [7]),
        (TrialFilter(text="KEY 7"), [7]),
        (TrialFilter(text="k_y"), []),
    ],
)
def test_filters(session, ten, few, wanted, found):
    page = trials.trials_page(session, ten, wanted, sort=0)

    assert sorted(numbers(page)) == sorted(found)
    assert page.total == len(found)


def test_filtered_pages_keep_the_order(session, ten, few):
    wanted = TrialFilter(states=("done",), ranges={0: (1.0, None)})

    pages = [
        trials.trials_page(session, ten, wanted, sort=0, page=n, per_page=3) for n in (1, 2, 3)
    ]

    assert [numbers(page) for page in pages] == [[8, 7, 6], [5, 4, 2], [1, 0]]


def test_line_shows_arch_and_scores_by_place(session, ten):
    (line,) = trials.trials_page(session, ten, TrialFilter(numbers=(5,))).rows

    assert (line.arch_key, line.choices, line.state) == ("key 5", (5,), "done")
    assert {place: part.value for place, part in line.scores.items()} == {0: 4.0, 1: 2.0}


def test_jobs_do_not_mix(session, ten):
    other = jobs.add_job(session, new_job()).id
    token = jobs.claim(session, other, worker_id="w", lease_s=60).token
    trials.record(session, other, token, batch(range(3)))

    assert trials.trials_page(session, ten, sort=1).total == 10
    assert sorted(numbers(trials.trials_page(session, other, sort=1))) == [0, 1, 2]


def test_standing_counts_both_sides(session, ten):
    assert trials.standing(session, ten, 0, 5.0) == trials.Standing(below=5, equal=1, above=3)
    assert trials.standing(session, ten, 1, 1.5) == trials.Standing(below=4, equal=0, above=6)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(-3, 3).map(float)), max_size=12),
    descending=st.booleans(),
    per_page=st.integers(1, 5),
)
def test_pages_together_are_the_sorted_list(database_url, few, values, descending, per_page):
    with transaction() as session:
        job_id = jobs.add_job(session, new_job()).id
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token
        rows = [trial(n) for n in range(len(values))]
        scores = [score(n, 0, value) for n, value in enumerate(values)]
        trials.record(session, job_id, token, trials.Batch(rows, scores))

    with reading() as session:
        pages = [
            trials.trials_page(
                session, job_id, sort=0, descending=descending, page=page, per_page=per_page
            )
            for page in range(1, len(values) // per_page + 2)
        ]

    shown = [line.scores[0].value for page in pages for line in page.rows]
    present = sorted((v for v in values if v is not None), reverse=descending)
    assert shown == present + [None] * values.count(None)
    assert len({line.number for page in pages for line in page.rows}) == len(values)

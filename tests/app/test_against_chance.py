"""A search beside its random control: what is compared, and how sure it is said to be."""

import numpy as np
import pytest

from app import against_chance, cached, charts
from app.against_chance import HYPERVOLUME, Pair, Run
from app.measures import default_axes, measures_of
from app.tables import import_table
from db import jobs, trials
from db.models import JobState
from db.session import reading, transaction
from search.catalogue import TableColumn
from search.spaces import spaces
from tests.app import filling
from tests.app.conftest import words

GROUP = "5f6c1ad2-0000-4000-8000-00000000000c"
SPACE = spaces[filling.SPACE]


def add_run(session, values, *, seed=0, control_of=None, is_whole=True, trials_budget=1000):
    """A run whose trials have these scores of nwot; macs fall as they rise."""
    budget = {"trials": trials_budget, "trial_timeout_s": 600.0}
    spec = filling.a_spec("evolution", seed=seed, budget=budget)
    job_id = filling.add_job(session, spec, group_id=GROUP, control_of=control_of)
    token = filling.claimed(session, job_id)
    archs = [SPACE.at(place) for place in range(len(values))]
    batch = trials.Batch(
        trials=[trials.TrialRow(n, SPACE.key(arch), arch, "done") for n, arch in enumerate(archs)],
        scores=[
            trials.ScoreRow(n, place, kind, "ok", score)
            for n, value in enumerate(values)
            for place, (kind, score) in enumerate((("proxy", value), ("cost", 10.0)))
        ],
    )
    trials.record(session, job_id, token, batch)
    if is_whole:
        jobs.release(session, job_id, token, state=JobState.SUCCEEDED, reason="done")
    return job_id


def add_pairs(num, *, lead=1.0, is_whole=True):
    """Searches and controls; returned is the first search."""
    with transaction() as session:
        found = []
        for seed in range(num):
            chance = [1.0 + seed / 10, 2.0 + seed / 10, 1.5]
            mine = add_run(session, [value + lead for value in chance], seed=seed)
            add_run(session, chance, seed=seed, control_of=mine, is_whole=is_whole)
            found.append(mine)
    return found[0]


def verdict(job_id, by="nwot"):
    with reading() as session:
        measures = measures_of(jobs.job(session, job_id).spec, cached.offered())
    ordered = default_axes(measures) if by == HYPERVOLUME else measures
    return against_chance.verdict(job_id, by, ordered)


def run_of(values, *, is_whole=True):
    best = np.maximum.accumulate(np.asarray(values, float))
    return Run(1, np.arange(1.0, len(best) + 1), best, len(best), is_whole)


def test_a_search_that_wins_every_pair_of_many_beats_chance(with_worker):
    found = verdict(add_pairs(8))

    assert found.surpass.value == 1
    assert 0.5 < found.surpass.low < 1
    assert found.results[0] == 3.0


def test_one_seed_leaves_a_wide_interval(with_worker):
    found = verdict(add_pairs(1))

    assert found.surpass.low < 0.5


def test_what_is_no_better_is_not_said_to_be(with_worker):
    found = verdict(add_pairs(5, lead=0.0))

    assert found.surpass.low < 0.5 < found.surpass.high


def test_runs_that_are_not_over_are_compared_after_equally_many_trials():
    pair = Pair(0, run_of([1, 2, 3]), run_of([1, 9], is_whole=False))

    found = against_chance.compared((pair,), "maximize")

    assert found.least.num_trials == 2
    assert (found.results, found.controls) == ((2,), (9,))


def test_a_run_that_failed_is_compared_after_equally_many_trials(with_worker):
    mine = add_pairs(1)
    with transaction() as session:
        cut = add_run(session, [1.0], seed=1, is_whole=False)
        add_run(session, [1.0, 2.0, 9.0], seed=1, control_of=cut)
        jobs.release(
            session, cut, jobs.job(session, cut).token, state=JobState.FAILED, reason="broke"
        )

    found = verdict(mine)

    assert found.least.num_trials == 1
    assert found.controls == (1.0, 1.0)


def test_runs_of_unequal_numbers_are_compared_after_an_equal_share(with_worker):
    """Two trials of ten are as much as four of the control's twenty-one."""
    with transaction() as session:
        mine = add_run(session, [1, 2], trials_budget=10, is_whole=False)
        add_run(session, [1, 2, 3, 5, 9], control_of=mine, trials_budget=21)

    found = verdict(mine)

    assert (found.results, found.controls) == ((2,), (5,))
    assert found.num_uncounted == 0


def test_a_run_without_anything_that_counts_leaves_its_seed_out():
    nothing = Run(1, np.empty(0), np.empty(0), 3, is_whole=True)

    found = against_chance.compared((Pair(0, run_of([1]), nothing),), "maximize")

    assert found.surpass is None


def test_lower_may_be_better():
    pair = Pair(0, run_of([1]), run_of([2]))

    assert against_chance.compared((pair,), "minimize").surpass.value == 1


def test_hypervolumes_are_measured_from_one_reference(with_worker):
    found = verdict(add_pairs(2), HYPERVOLUME)

    assert found.direction == "maximize"
    assert all(mine > chance for mine, chance in zip(found.results, found.controls, strict=True))


def test_what_the_last_trial_found_is_marked_where_its_curve_ends():
    found = against_chance.compared((Pair(0, run_of([1, 2]), run_of([1, 1, 9])),), "maximize")

    curves = charts.control_chart(found, "nwot").data

    assert [(curve.x[-1], curve.y[-1]) for curve in curves] == [(3, 9), (2, 2)]
    assert all(curve.marker.size[-1] > max(curve.marker.size[:-1]) for curve in curves)


def test_a_search_without_control_has_no_verdict(ids):
    assert verdict(ids["succeeded"]) is None


@pytest.mark.parametrize("by", ["nwot", HYPERVOLUME])
def test_the_page_says_how_sure_it_is(with_worker, open_page, by):
    page = open_page("search", id=add_pairs(3), tab="control", by=by)

    assert not page.exception
    assert page.metric[0].label == "Probability to surpass random search"
    assert "from 3 seeds" in words(page)
    assert "| seed | search | control |" in words(page)


def test_picks_are_ranked_in_a_benchmark_in_the_words_of_the_ranking_tab(with_worker, open_page):
    rows = "\n".join(f"{index},{index}" for index in range(200))
    columns = [TableColumn(name="cifar10_test", unit="%")]
    import_table(
        f"index,cifar10_test\n{rows}".encode(),
        name="nb",
        space=filling.SPACE,
        arch_column="index",
        columns=columns,
    )

    page = open_page("search", id=add_pairs(1), tab="control", by="nwot")

    text = words(page).replace("\\", "")
    assert not page.exception
    assert "trial 1 of the search: best nwot" in text
    assert "rank r = 199 of the R = 200 architectures of benchmark nb" in text


def test_the_page_is_honest_about_one_seed(with_worker, open_page):
    page = open_page("search", id=add_pairs(1), tab="control")

    assert "One seed cannot say much" in page.warning[0].value
    assert "cannot be told from chance" in words(page)


def test_the_page_says_that_runs_are_under_way(with_worker, open_page):
    page = open_page("search", id=add_pairs(1, is_whole=False), tab="control")

    assert "Not all runs came to their end: compared after 3 trials" in words(page)


def test_the_page_says_why_a_control_has_more_trials(with_worker, open_page):
    with transaction() as session:
        mine = add_run(session, [1, 2], trials_budget=10)
        add_run(session, [1, 2, 3], control_of=mine, trials_budget=21)

    page = open_page("search", id=mine, tab="control")

    assert "The control has 21 trials for the 10 of the search" in words(page)
    assert not page.exception


def test_the_page_says_what_no_budget_counts(with_worker, open_page):
    with transaction() as session:
        mine = add_run(session, [1, 2, 3])
        jobs.job(session, mine).num_screened = 2
        add_run(session, [1, 2, 3], control_of=mine)

    page = open_page("search", id=mine, tab="control")

    assert "scored 2 architectures for some of them besides" in words(page)
    assert not page.exception


def test_a_search_without_control_learns_what_one_is(ids, open_page):
    page = open_page("search", id=ids["succeeded"], tab="control")

    assert "Random control" in words(page)
    assert not page.exception


def test_a_control_is_switched_on_in_the_form(with_worker, open_page, monkeypatch):
    page = open_page("new")
    page.button(key="preset_evolution").click().run()

    next(t for t in page.toggle if t.label == "Random control").set_value(True).run()

    assert page.session_state["draft"]["control"] is True
    assert any("random control**" in m.value for m in page.markdown)


def test_a_control_of_a_random_search_is_refused_at_its_field(with_worker, open_page):
    page = open_page("new")

    next(t for t in page.toggle if t.label == "Random control").set_value(True).run()

    assert any("random itself" in m.value for m in page.markdown)
    assert page.button(key="submit").disabled

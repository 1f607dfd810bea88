"""The tabs of a search with a supernet: nothing yet, a training under way, a trained one."""

import re

import pytest

from app import cached, ranking_truths, supernet_record
from app.ranking import Look, Truth, agreed
from app.views import _search_ranking
from db import jobs, trials, workers
from db.batch import Batch, SnapshotRow
from db.session import reading, transaction
from search.spaces import spaces
from tests.app import filling, supernets
from tests.app.conftest import words
from tests.app.supernets import DIGEST
from tests.app.watching import Watcher

PLOT = "plotly_chart"


@pytest.fixture
def made(with_worker):
    def make(maker, *args, **fields):
        with transaction() as session:
            return maker(session, *args, **fields)

    return make


def said(page):
    assert not page.exception
    assert not page.error
    return words(page).replace("\\", "")


def test_a_search_without_a_supernet_has_no_such_tabs(ids, open_page):
    page = open_page("search", id=ids["succeeded"])

    assert not {"training", "ranking"} & {tab.label for tab in page.tabs}


def test_the_numbers_of_charts_are_there_as_tables_once_they_are_opened(made, open_page):
    job_id = made(supernets.add)
    made(supernets.add_trained_alone)
    page = open_page("search", id=job_id, tab="ranking")
    assert not page.dataframe

    page.session_state["numbers_probes"] = True
    page.run()

    (probes,) = [one.value for one in page.dataframe]
    assert len(probes) == supernets.NUM_PROBES
    assert probes["inherited accuracy (%)"].is_monotonic_decreasing
    assert set(probes["true rank"]) == set(range(1, supernets.NUM_PROBES + 1))


def test_a_paused_training_is_shown_and_said_to_come_first(made, open_page):
    job_id = made(supernets.add_under_way)
    with transaction() as session:
        jobs.pause(session, job_id, "ada")
        token = jobs.job(session, job_id).token
        jobs.release(session, job_id, token, state=filling.S.PAUSED, reason="paused")

    page = open_page("search", id=job_id)

    assert "The supernet is trained before. No architecture has been looked at yet." in said(page)
    assert page.session_state["tab"] == "training"


def test_all_series_of_a_training_are_there_as_a_table(made, open_page):
    page = open_page("search", id=made(supernets.add), tab="training")
    page.session_state["numbers"] = True

    page.run()

    (series,) = [one.value for one in page.dataframe]
    assert {"step", "Loss", "Accuracy of subnets (%): largest"} <= set(series.columns)
    assert series["step"].tolist() == sorted(series["step"])


def test_before_anything_is_told_the_tabs_say_what_will_be_here(made, open_page):
    job_id = made(filling.add_job, supernets.spec())

    assert "Nothing is told yet" in said(open_page("search", id=job_id, tab="training"))
    assert "the first look comes" in said(open_page("search", id=job_id, tab="ranking"))


def test_a_control_says_whose_supernet_it_waits_for(made, open_page):
    search = made(filling.add_job, supernets.spec())
    control = made(filling.add_job, supernets.spec("its control"), control_of=search)

    waits = f"Waits until search {search} has trained the supernet of both"
    page = open_page("search", id=control)

    assert waits in said(page) + " ".join(bar.proto.text for bar in page.get("progress"))
    assert f"after search {search}" in said(open_page("workers"))


def test_a_training_under_way_is_drawn(made, open_page):
    job_id = made(supernets.add_under_way)

    page = open_page("search", id=job_id, tab="training")

    assert "What the method says of itself" in said(page)
    assert len(page.get(PLOT)) >= 6


def test_what_is_kept_on_the_way_is_a_file_that_says_how_far_it_is(made, open_page):
    job_id = made(supernets.add_under_way, kept=True)

    text = said(open_page("search", id=job_id, tab="files"))

    assert "supernet after 300 of 1,200 steps" in text
    with reading() as session:
        assert supernet_record.digest_of(session, jobs.job(session, job_id)) is None


def test_files_follow_a_training_that_keeps_some_on_the_way(made, open_page, monkeypatch):
    watcher = Watcher(monkeypatch)

    page = open_page("search", id=made(supernets.add_under_way, kept=True), tab="files")

    assert "supernet after 300 of 1,200 steps" in said(watcher.wait(page))


def test_the_members_of_a_split_supernet_are_told_with_their_accuracy(made, open_page):
    job_id = made(filling.add_job, supernets.spec())
    token = made(filling.claimed, job_id)
    split = {"splits": [{"members": [{"decision": 0, "groups": [[0, 1], [2, 3], [4]]}]}]}
    told = [SnapshotRow("splits", 300, split)]
    made(trials.record, job_id, token, supernets.logs(upto=600))
    made(trials.record, job_id, token, Batch(snapshots=told))

    text = said(open_page("search", id=job_id, tab="training"))

    assert "Accuracy of each member** at step 600" in text
    assert re.search(r"1: \S+ none or skip_connect \| 8 \| \d", text)


def test_who_watches_a_training_is_not_led_away_when_trials_begin(made, open_page):
    job_id = made(filling.add_job, supernets.spec())
    token = made(filling.claimed, job_id)
    made(trials.record, job_id, token, supernets.logs(upto=600))
    page = open_page("search", id=job_id)
    assert "What the method says of itself" in said(page)

    made(supernets.add_found, job_id, token)

    assert "What the method says of itself" in said(page.run())
    assert "What the method says of itself" not in said(open_page("search", id=job_id))


def test_the_head_says_how_far_the_training_is(made, open_page):
    job_id = made(supernets.add_under_way)

    page = open_page("search", id=job_id)

    assert "training the supernet: step 600 of 1,200" in page.get("progress")[
        0
    ].proto.text.replace("\\", "")


def test_nothing_is_read_before_its_tab_is_opened(made, open_page, monkeypatch):
    job_id = made(supernets.add)
    monkeypatch.setattr(supernet_record, "looks", None)  # whoever calls it fails

    assert not open_page("search", id=job_id).exception
    assert not open_page("search", id=job_id, tab="training").exception
    assert open_page("search", id=job_id, tab="ranking").exception


def test_a_ranking_that_nothing_is_known_of_leads_to_training_alone(made, open_page):
    job_id = made(supernets.add)

    text = said(open_page("search", id=job_id, tab="ranking"))

    assert "none of the probes has an accuracy" in text
    assert "Train these probes alone" in text
    assert "Does the ranking stay the same?" in text
    assert "consecutive epochs" in text


def test_one_probe_that_was_trained_alone_is_not_enough(made, open_page):
    job_id = made(supernets.add)
    made(supernets.add_trained_alone, 1)

    assert "one probe has an accuracy" in said(open_page("search", id=job_id, tab="ranking"))


def test_a_ranking_is_held_against_what_was_trained_alone(made, open_page):
    job_id = made(supernets.add)
    made(supernets.add_trained_alone)

    page = open_page("search", id=job_id, tab="ranking")

    text = said(page)
    assert "After step 1,200 inherited accuracy agrees with accuracy with tau-b" in text
    assert "**24** of 24" in text
    assert "Baseline params" in text
    assert "tau-b of more macs with the truth, of 24 probes" in text
    assert "accuracy (" in page.selectbox(key="truth").value


def test_picks_are_ranked_in_the_whole_benchmark(made, open_page):
    job_id = made(supernets.add)
    supernets.add_benchmark()

    text = said(open_page("search", id=job_id, tab="ranking"))

    assert "Probability to surpass random search" in text
    assert re.search(r"trial \d+: best supernet_validation_accuracy of this search \| \*\*9", text)
    assert re.search(r"the best of 24 probes by inherited accuracy \| \*\*9", text)
    assert "of the R = 3,024 architectures of benchmark nb: (1 - r/R)^n with n = 10" in text


def test_without_a_benchmark_picks_are_ranked_among_what_was_trained_alone(made, open_page):
    job_id = made(supernets.add)
    made(supernets.add_trained_alone)

    text = said(open_page("search", id=job_id, tab="ranking"))

    assert "among only R = 24 architectures whose truth is known, no sample of the space" in text


def test_a_search_has_its_pick_while_no_worker_is_there(made, open_page):
    job_id = made(supernets.add)
    supernets.add_benchmark()
    with transaction() as session:
        workers.stop(session, "worker-1")

    text = said(open_page("search", id=job_id, tab="ranking"))

    assert "best supernet_validation_accuracy of this search" in text


def test_a_pick_that_nobody_knows_is_said_to_be_unknown(made, open_page):
    job_id = made(supernets.add)
    made(supernets.add_trained_alone, 2)

    text = said(open_page("search", id=job_id, tab="ranking"))

    assert "of this search | - | :gray[unknown: it has no accuracy]" in text


def test_what_the_looks_at_the_end_say_together_is_told(made, open_page):
    job_id = made(supernets.add)
    made(supernets.add_trained_alone)

    text = said(open_page("search", id=job_id, tab="ranking"))

    assert re.search(r"Kendall at the end \| .*mean and range over the last 3 looks", text)
    assert re.search(r"Top 3 \| .*of the best among the top 3 probes", text)
    assert re.search(r"consecutive epochs \| \*\*0\.\d\d\*\* .*at step 1,200; 2 pairs", text)
    assert re.search(r"recency \| \*\*-?0\.\d\d\*\* .*over 12 probes", text)
    assert "| group 3 | 8 |" in text


def test_seeds_of_a_group_are_compared(made, open_page):
    job_id = made(supernets.add, group_id="5" * 36)
    made(supernets.add, seed=1, group_id="5" * 36)

    assert "2 seeds, at step 1,200; 1 pair" in said(open_page("search", id=job_id, tab="ranking"))


def test_the_supernet_of_a_control_is_no_other_seed(made, open_page):
    job_id = made(supernets.add, group_id="5" * 36)
    other = made(supernets.add, seed=1, group_id="5" * 36)
    made(supernets.add, seed=1, group_id="5" * 36, control_of=other, digest="c" * 32)

    assert "2 seeds, at step 1,200; 1 pair" in said(open_page("search", id=job_id, tab="ranking"))


def test_a_search_of_a_trained_supernet_shows_that_training(made, open_page):
    made(supernets.add, digest=DIGEST)
    job_id = made(supernets.add_user)

    text = said(open_page("search", id=job_id, tab="training"))

    assert "trained before, by" in text
    assert "a supernet" in text
    assert "none of the probes has" in said(open_page("search", id=job_id, tab="ranking"))


def test_a_supernet_that_is_gone_is_told(made, open_page):
    job_id = made(supernets.add_user, "f" * 32)

    assert "not in the record any more" in said(open_page("search", id=job_id, tab="training"))
    assert "not in the record any more" in said(open_page("search", id=job_id, tab="ranking"))


def test_a_training_without_probes_says_so(made, open_page):
    content = supernets.spec(supernet={"recipe": supernets.RECIPE, "probes": 0})
    job_id = made(filling.add_job, content)

    assert "trained without probes" in said(open_page("search", id=job_id, tab="ranking"))


def test_probes_are_trained_alone_in_a_search_that_is_filled_in(made, open_page):
    job_id = made(supernets.add)

    draft = open_page("new", probes=job_id).session_state["draft"]

    assert draft["strategy"]["params"]["archs"] == supernets.probes()
    assert [o["metric"] for o in draft["objectives"]] == ["accuracy"]
    assert "supernet" not in draft


def test_truths_are_told_apart_by_their_protocol(made):
    made(supernets.add_trained_alone)
    with reading() as session:
        known = ranking_truths.known(session, filling.SPACE, supernets.probes(), filling.offered())

    (truth,) = known.truths
    assert (truth.kind, len(truth.values)) == ("standalone", supernets.NUM_PROBES)
    assert "seeds pooled" in truth.protocol
    assert [one.name for one in known.baselines] == ["params"]


def test_a_benchmarks_flops_are_the_baseline_macs(made):
    supernets.add_benchmark()
    catalogue = filling.offered().model_copy(update={"tables": cached.offered().tables})

    with reading() as session:
        known = ranking_truths.known(session, filling.SPACE, supernets.probes(), catalogue)

    assert [(one.name, len(one.values)) for one in known.baselines] == [("macs", 24)]


def test_a_ranking_is_held_against_an_accuracy_before_proxies_of_another_benchmark(made):
    supernets.add_benchmark(name="a", column="cifar10_nwot", unit="")
    supernets.add_benchmark()
    catalogue = filling.offered().model_copy(update={"tables": cached.offered().tables})

    with reading() as session:
        known = ranking_truths.known(session, filling.SPACE, supernets.probes(), catalogue)

    assert [one.name for one in known.truths] == ["cifar10_test", "cifar10_nwot"]


@pytest.mark.parametrize(("num", "of_what"), [(27, "the space"), (26, "")])
def test_a_small_space_that_was_trained_alone_is_known_as_a_whole(made, num, of_what):
    space = spaces["cell_27"]
    archs = [space.encode(space.at(place)) for place in range(27)]
    made(supernets.add_alone, "cell_27", {arch: float(k) for k, arch in enumerate(archs[:num])})

    with reading() as session:
        known = ranking_truths.known(session, "cell_27", archs[3:6], filling.offered())

    pick = known.truths[0].pick(archs[3])
    assert (pick.rank, pick.num_known, pick.of_what) == (num - 3, num, of_what)


def test_architectures_that_the_space_does_not_read_are_left_out(made):
    with reading() as session:
        known = ranking_truths.known(session, filling.SPACE, ["nonsense"], filling.offered())

    assert known == ranking_truths.Known((), ())


@pytest.mark.parametrize(
    ("baselines", "words_of_it"),
    [({}, "better than chance"), ({"params": 0.99}, "worse than counting params")],
)
def test_a_verdict_is_against_the_best_baseline(baselines, words_of_it):
    values = {str(k): float(k + (k % 3) * 2) for k in range(40)}
    truth = Truth("t", "table", "p", "%", "maximize", {k: float(k) for k in values})

    text = _search_ranking.verdict(agreed(Look(1, values), truth), truth, baselines)

    assert words_of_it in text.replace("\\", "")


def test_a_supernet_is_found_by_who_trained_it_and_by_who_reads_it(made):
    trainer, user = made(supernets.add, digest=DIGEST), made(supernets.add_user)

    with reading() as session:
        found = [jobs.job(session, number) for number in (trainer, user)]
        digests = {supernet_record.digest_of(session, job) for job in found}
        trainers = {supernet_record.trainer_of(session, job).id for job in found}

    assert (digests, trainers) == ({DIGEST}, {trainer})


def test_while_it_trains_the_training_is_what_a_search_shows_first(made, open_page):
    under_way, done = made(supernets.add_under_way), made(supernets.add)

    text = said(open_page("search", id=under_way))
    assert "What the method says of itself" in text
    assert "Its front appears here when the supernet is trained" in text
    assert "Step 600: accuracy largest **46**" in text
    assert "What the method says of itself" not in said(open_page("search", id=done))

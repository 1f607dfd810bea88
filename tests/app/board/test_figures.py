"""A board's figures: joins, protocols, baselines, samples, and questions that have no answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from app import cached
from app.board import asking, series, values
from app.board.asking import Request
from app.board.routes import answer
from app.measures import Measure
from db.session import reading
from search.catalogue import Catalogue, Plugin
from search.errors import SpecError
from tests.app.board.conftest import NUM, add_benchmark, add_search, quality


def rows(*sources, **request):
    request = {"num_resamples": 0, **request}
    return {row.line.name: row for row in answer(Request(sources, **request))[3]}


def offered(*sources, **request):
    with reading() as session:
        return asking.offer(session, Request(sources, **request), cached.offered())


def refusal(*sources, **request):
    with pytest.raises(SpecError) as caught:
        answer(Request(sources, **request))
    return caught.value.fields


def test_scores_of_a_search_meet_the_truth_of_a_benchmark(search, benchmark):
    nwot = rows(search, benchmark)["nwot"].agreement

    assert nwot.everything.spearman.value > 0.8
    assert (nwot.coverage.ok, nwot.coverage.undefined) == (NUM - 12, 12)


def test_undefined_scores_may_rank_last(search, benchmark):
    nwot = rows(search, benchmark, undefined="rank_last")["nwot"].agreement

    assert nwot.everything.num_archs == NUM


def test_baselines_are_always_there(search, benchmark):
    found = rows(search, benchmark, scores=("nwot",))

    assert {"nwot", "params", "macs", "random"} == set(found)
    assert found["macs"].agreement.everything.num_archs == NUM
    assert found["random"].agreement.everything.kendall.value == 0
    assert found["random"].agreement.precision_at_k.value == pytest.approx(10 / NUM)


def test_a_baseline_that_nobody_recorded_says_so(benchmark):
    job = add_search({"nwot": [quality(i) for i in range(NUM)]})

    found = rows(benchmark, f"search:{job}")

    assert "choose macs as an objective" in found["macs"].problem


def test_more_parameters_are_taken_for_better(search, benchmark):
    add_benchmark("big", cifar100_test=range(NUM), params=range(NUM))

    found = rows("benchmark:big", num_resamples=0)

    assert found["params"].agreement.everything.kendall.value == pytest.approx(1)


def test_truth_may_be_what_another_search_trained(search):
    trained = add_search({"synflow": [quality(i) for i in range(50)]}, kind="standalone", first=30)

    found = rows(search, f"search:{trained}")

    assert found["nwot"].agreement.everything.num_archs + 5 == 50
    assert offered(search, f"search:{trained}").truth.kind == "standalone"


def test_archs_without_any_score_do_not_count_for_the_baselines(benchmark):
    few = add_search({"nwot": [quality(i) for i in range(40)]})

    found = rows(benchmark, f"search:{few}")

    assert found["params"].agreement.everything.num_archs == 40


def test_seeds_are_pooled_only_when_asked(benchmark):
    first = add_search({"nwot": [1.0, 2.0, 3.0]}, seed=0)
    second = add_search({"nwot": [4.0, 5.0, None, 7.0]}, first=2, seed=1)
    sources = (benchmark, f"search:{first}", f"search:{second}")

    apart = [one for one in offered(*sources).series if one.name == "nwot"]
    pooled = [one for one in offered(*sources, pool_seeds=True).series if one.name == "nwot"]

    assert [one.protocol[-14:] for one in apart] == ["seed 1, on cpu", "seed 0, on cpu"]
    assert len(pooled) == 1
    held = values.held(pooled[0])
    assert sorted(held.values, key=str) == [
        1.0,
        2.0,
        3.5,
        5.0,
        7.0,
        pytest.approx(np.nan, nan_ok=True),
    ]


def test_equal_protocols_of_several_searches_are_one_column(benchmark):
    for first in (0, 2):
        add_search({"nwot": [1.0, 2.0, 3.0]}, first=first)

    (nwot,) = (one for one in offered("space:nasbench201").series if one.name == "nwot")

    assert len(values.held(nwot).arch_ids) == 5


def test_other_batches_are_other_columns(benchmark):
    for size in (32, 64):
        add_search({"nwot": [1.0, 2.0]}, data={"name": "digits", "params": {}, "batch_size": size})

    found = [one.protocol for one in offered("space:nasbench201").series if one.name == "nwot"]

    assert len(found) == 2


def protocol(*depends_on, pool_seeds=False, **spec):
    """Of a measure that depends on these."""
    plugin = Plugin(kind="training", name="accuracy", traits={"depends_on": list(depends_on)})
    objectives = [{"name": "acc", "metric": "accuracy", "params": {"epochs": 3}}]
    spec = {"objectives": objectives, "seed": 4, "network": {}, **spec}
    measure = Measure(0, "acc", "accuracy", "maximize", "%")
    return series.protocol_of(
        SimpleNamespace(spec=spec),
        measure,
        "",
        Catalogue(plugins=(plugin,)),
        pool_seeds=pool_seeds,
    )


def test_trainings_on_other_data_sets_are_other_columns():
    data = {"name": "image_folder", "params": {"folder": "birds"}, "batch_size": 64}

    told = protocol("network", "dataset", "seed", "environment", data=data)

    assert told == "epochs=3, network as is, image_folder folder=birds, seed 4, on cpu"


def test_the_batch_is_told_of_what_reads_it_alone():
    data = {"name": "digits", "batch_size": 64}

    assert protocol("data", data=data) == "epochs=3, digits, batch 64"
    assert protocol(*series.EVERYTHING, data=data).count("digits") == 1


def test_scores_of_other_supernets_are_other_columns():
    trained = {"recipe": {"name": "spos", "params": {"epochs": 2}}, "flip": True}

    assert protocol("supernet", supernet={"checkpoint": "0123456789abcdef"}) == (
        "epochs=3, supernet 0123456789ab"
    )
    assert protocol("supernet", supernet=trained) == (
        "epochs=3, supernet spos (epochs=2 flip=True; seed 4)"
    )
    assert protocol("supernet", supernet=trained, pool_seeds=True) == (
        "epochs=3, supernet spos (epochs=2 flip=True; seeds pooled)"
    )


def test_an_aggregate_is_a_row(benchmark):
    ranks = [quality(i) for i in range(NUM)]
    job = add_search({"nwot": ranks, "synflow": ranks[::-1]})

    found = rows(benchmark, f"search:{job}", scores=("nwot", "synflow", "aggregate/rank_sum"))

    assert found["rank_sum"].line.series.protocol == "over nwot, synflow"
    assert found["rank_sum"].agreement.everything.num_archs == NUM


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("te_nas", "te_nas cannot be made of these: it takes scores of ntk_condition_number, "),
        ("rank_sum", "rank_sum cannot be made of these: it takes at least two chosen scores"),
        ("no_such", "there is no aggregate no_such; known: az_nas, "),
    ],
)
def test_an_aggregate_that_cannot_be_made_says_what_it_takes(search, benchmark, name, why):
    found = refusal(search, benchmark, scores=("nwot", f"aggregate/{name}"))

    assert found["scores"].startswith(why)


def test_of_several_scores_of_one_arch_the_first_that_is_ok_counts(benchmark):
    add_search({"nwot": [None, 5.0]})
    add_search({"nwot": [7.0, 6.0]})

    (nwot,) = (one for one in offered("space:nasbench201").series if one.name == "nwot")

    assert sorted(values.held(nwot).values) == [6.0, 7.0]


def test_too_many_archs_are_sampled_and_that_is_said(search, benchmark, monkeypatch):
    monkeypatch.setattr(values, "MAX_ARCHS", 50)

    _, _, archs, found = answer(Request((search, benchmark), num_resamples=0))

    assert len(archs.ids_N) == 50
    assert "50 of 120 architectures" in archs.rule
    assert found[0].agreement.coverage.total == 50


def test_the_truth_is_guessed_by_name(search, benchmark):
    assert offered(search, benchmark).truth.key == "nb/cifar10_test"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ((), "choose at least one"),
        (("nwot",), "'nwot' is no source"),
        (("search:99999",), "no search 99999"),
        (("search:x",), "no search x"),
        (("group:none",), "no group none"),
        (("space:none",), "no search of the space none"),
        (("benchmark:none",), "no benchmark none"),
    ],
)
def test_a_source_that_is_not_there_is_named(search, sources, message):
    assert message in refusal(*sources)["from"]


def test_a_benchmark_of_another_space_is_refused(search, benchmark):
    add_benchmark("macro", space="nasbench_macro", top1_test=range(10))

    message = refusal(search, "benchmark:macro")["from"]

    assert "benchmark:macro is of nasbench_macro" in message
    assert "no architecture in common" in message


@pytest.mark.parametrize(("num", "words"), [(0, "no architectures"), (1, "1 architecture")])
def test_fewer_than_two_common_architectures_are_refused(benchmark, num, words):
    job = add_search({"nwot": [1.0, 2.0, 3.0]}, first=NUM - num)

    message = refusal(benchmark, f"search:{job}", scores=("nwot",))["from"]

    assert f"the scores have {words} in common with cifar10_test" in message


@pytest.mark.parametrize(("cells", "message"), [(["", ""], "no value"), (["1", ""], "one arch")])
def test_a_truth_without_values_is_refused(search, cells, message):
    add_benchmark("poor", poor_test=cells)

    assert message in refusal(search, "benchmark:poor", truth="poor_test")["truth"]


def test_a_board_without_a_truth_is_refused(search):
    assert "none of these columns looks like an accuracy" in refusal(search)["truth"]


def test_an_unknown_column_is_named(search, benchmark):
    assert "no column swot" in refusal(search, benchmark, truth="swot")["truth"]
    assert "no swot" in refusal(search, benchmark, scores=("swot",))["scores"]


def test_a_k_out_of_range_is_refused(search, benchmark):
    assert "out of range" in refusal(search, benchmark, k=0)["k"]


def test_figures_are_the_same_again(search, benchmark):
    first, second = (rows(search, benchmark, num_resamples=50)["nwot"] for _ in range(2))

    assert first == second
    assert first.agreement.everything.kendall.low < first.agreement.everything.kendall.value
    assert np.isfinite(first.agreement.regret_at_k.high)

"""What is said of a ranking: agreement, stability, and what a pick by it is worth."""

import pytest

from app import ranking
from app.charts import ranking as charts
from app.ranking import Look, Truth
from app.views import _search_ranking
from search.spaces import Decision

ARCHS = ["a", "b", "c", "d", "e"]
SCORES = [50.0, 48.0, 60.0, 70.0, 65.0]
KNOWN = [91.01, 91.04, 91.20, 91.25, 93.01]


def look(values=SCORES, step=100, **told):
    return Look(step, dict(zip(ARCHS, values, strict=False)), **told)


def truth(values=KNOWN, unit="%", direction="maximize", name="cifar10_test", space_N=None):
    known = dict(zip(ARCHS, values, strict=False))
    return Truth(name, "table", "benchmark nb201", unit, direction, known, space_N)


def test_looks_are_read_in_order_without_what_has_no_value():
    found = ranking.looks(
        [(20, {"archs": ["a", "b"], "values": [1, None]}), (10, {"archs": ["a"], "values": [2]})]
    )

    assert found == (Look(10, {"a": 2.0}), Look(20, {"a": 1.0}))


def test_the_figures_of_the_toy_case():
    found = ranking.agreed(look(), truth())

    assert found.num_common == 5
    assert found.kendall.value == pytest.approx(0.6)
    assert found.kendall.low < 0.6 < found.kendall.high
    assert found.spearman.value == pytest.approx(0.8)
    assert found.sparse == pytest.approx(0.6708204)
    assert (found.pick.rank, found.pick.surpasses) == (2, pytest.approx(0.6**10))


def test_where_less_is_better_the_truth_is_turned():
    found = ranking.agreed(look(), truth([-value for value in KNOWN], direction="minimize"))

    assert found.kendall.value == pytest.approx(0.6)
    assert found.pick.rank == 2


def test_rounding_belongs_to_percentages():
    assert ranking.agreed(look(), truth(unit="nats")).sparse is None


def test_one_probe_in_common_says_nothing():
    assert ranking.agreed(look(), truth(KNOWN[:1])) is None


def test_looks_without_a_common_probe_are_left_out_of_the_training():
    found = ranking.over_training([Look(1, {}), look(step=2)], truth())

    assert [one.step for one in found] == [2]


def test_equal_rankings_in_a_row_agree_and_turned_ones_do_not():
    found = ranking.between_looks([look(step=1), look(step=2), look(SCORES[::-1], 3)])

    assert [one.step for one in found] == [2, 3]
    assert found[0].mean == pytest.approx(1)
    assert found[1].mean < 0.5


def test_consecutive_epochs_are_compared_with_each_other_alone():
    found = [look(step=5), look(step=8, epoch=8), look(step=9, epoch=9), look(step=11, epoch=11)]

    assert [one.step for one in ranking.between_epochs(found)] == [9]
    assert [one.step for one in ranking.between_looks(found)] == [8, 11]


def test_a_look_within_an_epoch_does_not_part_its_neighbours():
    found = [look(step=8, epoch=8), look(step=9), look(step=10, epoch=9)]

    assert [one.step for one in ranking.between_epochs(found)] == [10]


def test_a_spread_is_told_over_all_consecutive_epochs_at_the_end_or_three_looks():
    epochs = [look(step=step, epoch=step) for step in range(6, 11)]
    apart = [look(step=step) for step in range(1, 6)]

    assert [one.step for one in ranking.window([*apart, *epochs])] == [6, 7, 8, 9, 10]
    assert [one.step for one in ranking.window(apart)] == [3, 4, 5]


def test_a_training_that_was_looked_at_after_every_epoch_has_an_end_of_ten():
    epochs = [look(step=step, epoch=step) for step in range(1, 41)]

    assert [one.step for one in ranking.window(epochs)] == list(range(31, 41))


@pytest.mark.parametrize(("num", "rank"), [(1, 2), (3, 1)])
def test_the_best_rank_among_the_top(num, rank):
    assert ranking.best_of_top(look(), truth(), num).rank == rank


def test_groups_that_share_weights_are_ranked_apart():
    groups = {"a": 1, "b": 1, "c": 0, "d": 0, "e": 2}

    found = ranking.in_groups(look(groups=groups), truth())

    assert [(one.group, one.num_probes) for one in found] == [(0, 2), (1, 2)]
    assert [one.tau for one in found] == [pytest.approx(1), pytest.approx(-1)]


def test_who_was_trained_lately_and_does_well_shows_recency():
    ago = {"a": 30, "b": 40, "c": 20, "d": 0, "e": 10}

    assert ranking.recency_tau(look(steps_ago=ago)) == (pytest.approx(1), 5)
    assert ranking.recency_tau(look(steps_ago={"a": 1})) == (None, 1)


def test_a_look_is_read_with_what_it_is_to_be_seen_with():
    content = {
        "archs": ["a", "b"],
        "values": [1.0, 2.0],
        "epoch": 3,
        "steps_ago": [None, 0],
        "trained_last": "b",
        "groups": None,
    }

    (found,) = ranking.looks([(10, content)])

    assert found == Look(10, {"a": 1.0, "b": 2.0}, 3, {"b": 0}, "b", {})


def test_seeds_are_compared_at_common_steps_alone():
    runs = [[look(step=1), look(step=2)], [look(step=2)], [look(SCORES[::-1], 2)]]

    (found,) = ranking.between_seeds(runs)

    assert (found.step, found.num_pairs, len(found.taus)) == (2, 3, 3)
    assert max(found.taus) == pytest.approx(1)


def test_rankings_that_tie_everywhere_have_no_tau_but_are_counted():
    (found,) = ranking.between_looks([look(step=1), look([1.0] * 5, 2)])

    assert (found.taus, found.mean, found.num_pairs) == ((), None, 1)


def test_a_baseline_takes_more_for_better():
    params = truth([1, 2, 3, 4, 5], unit="", name="params", direction="minimize")

    assert ranking.baseline_tau(params, truth(), ARCHS) == (pytest.approx(1), 5)
    assert ranking.baseline_tau(params, truth(), ARCHS[:3])[1] == 3


def test_choices_that_were_never_trained_are_infinitely_uneven():
    first, second = ranking.trained({"decisions": ["op", "width"], "counts": [[4, 2], [0, 6]]})

    assert first.unevenness == 2
    assert second.unevenness == float("inf")


def test_choices_have_the_names_of_the_space_or_numbers():
    content = {"decisions": ["op", "width"], "counts": [[4, 2], [3, 3]]}
    decisions = (Decision("op", ("conv", "skip")), Decision("width", ("8", "16", "32")))

    found = ranking.trained(content, decisions)

    assert [one.choices for one in found] == [("conv", "skip"), ("choice 1", "choice 2")]
    assert charts.trained_chart(found).data[0].text[0][0] == "conv: 4"
    assert charts.trained_chart(found[:1]).data[0].x[0] == "conv"


def test_pictures_of_much_stay_small_and_have_words():
    runs = [look([value + step % 7 for value in SCORES], step) for step in range(1, 201)]
    found = [ranking.agreed(one, truth(), num_resamples=0) for one in runs]
    alike = ranking.between_looks(runs)

    figure = charts.trust_chart(found, {"params": 0.4, "macs": 0.3})

    assert len(figure.to_json()) < 60_000
    assert "params 0.40" in str(figure.layout.annotations)
    assert "200 looks" in charts.trust_alt(found, truth())
    assert "with an earlier look" in charts.stability_alt([("with an earlier look", alike)])
    assert (
        charts.stability_chart([("with an earlier look", alike)]).data[0].name
        == "with an earlier look"
    )
    assert len(charts.inherited_chart(runs[0], truth()).data[0].x) == 5


def test_nothing_at_all_can_be_drawn():
    assert not charts.trust_chart((), {}).data[0].x.size
    assert not charts.stability_chart([]).data
    assert "unknown" in charts.stability_alt([])


def test_an_uneven_decision_is_named():
    found = ranking.trained({"decisions": ["op", "width"], "counts": [[4, 2, 2], [3, 3]]})

    assert "op is the most uneven" in charts.trained_alt(found)
    assert "2 times" in charts.trained_alt(found)
    assert list(charts.trained_chart(found).data[0].text[1]) == ["choice 1: 3", "choice 2: 3", ""]


def test_even_decisions_are_said_to_be_even():
    found = ranking.trained({"decisions": ["op", "width"], "counts": [[4, 4, 4], [6, 6]]})

    assert "equally often" in charts.trained_alt(found)


def test_the_scale_of_trained_choices_says_what_an_even_share_is():
    found = [ranking.Trained("edge", ("conv", "skip"), (4, 4))]

    (drawn,) = charts.trained_chart(found).data

    assert (drawn.zmin, drawn.zmax) == (0, 2)
    assert (
        dict(zip(drawn.colorbar.tickvals, drawn.colorbar.ticktext, strict=True))[1] == "even share"
    )


@pytest.mark.parametrize(("num_known", "told"), [(5, ["Top 1", "Top 3"]), (3, ["Top 1"])])
def test_the_best_of_so_many_is_told_of_more_that_are_known(num_known, told):
    known = truth(KNOWN[:num_known])
    over = ranking.over_training([look()], known)

    rows = _search_ranking._at_the_end([look()], over, known)

    assert [name for name, *_ in rows] == told

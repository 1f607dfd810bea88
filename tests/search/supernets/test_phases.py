"""Trainings that split their supernet on the way."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from search.errors import DivergedError
from search.spaces import spaces
from search.supernets.mix import onehot
from search.supernets.parts import has, whole
from search.supernets.recipe import Phase
from search.supernets.recipes import unfit_reason
from search.supernets.schedules import cosine
from search.supernets.splitters import Division, EveryChoice, Splitter, TwoGroups
from search.supernets.splitting import member_sources, parts_of
from tests.search.supernets.test_training import (
    assert_equal,
    continued,
    finished,
    of,
    spoil_gradients,
    training,
    weights,
)

ARCHS = [spaces["cell_27"].at(number) for number in range(27)]


class OneGroup(Splitter):
    """Splits nothing."""

    def unfit_reason(self, space):
        return None

    def num_parts(self, space):
        return 1

    def __call__(self, space, part, looks, rng):
        return Division([part], {})


def test_one_group_is_spos_bit_for_bit():
    baseline = replace(of("spos", epochs=3), norms="tracked")
    phases = (Phase(OneGroup(), 1, continues=True),) * 2

    identity = finished(replace(baseline, epochs=1, phases=phases))

    whole_one = finished(baseline)
    (source,) = member_sources(identity.net)
    assert_equal(dict(source.state_dict()), dict(whole_one.net.source.state_dict()))
    assert_equal(
        {f"0:{k}": v for k, v in whole_one.norms.state_dict().items()},
        identity.norms.state_dict(),
    )


def test_no_splits_are_spos_bit_for_bit():
    none = of("gradient_matching", epochs=2, splits=0, nesterov=False, weight_decay=3e-4)

    assert_equal(weights(finished(none)), weights(finished(of("spos", affine=False))))


def test_few_shot_trains_each_member_on_its_own_architectures():
    made = training(of("few_shot", decision=1, member_epochs=2))
    lrs, seen = {}, Counter()
    for report in made.run():
        (done,) = report.passes
        if report.phase:
            assert done.done.mix.arch[1] == report.member
        seen[report.phase, report.member] += 1
        lrs.setdefault((report.phase, report.member), []).append(report.lr)

    assert seen == {(0, 0): 3, (1, 0): 6, (1, 1): 6, (1, 2): 6}
    schedule = cosine(0.025, 0.001)
    assert lrs[0, 0] == [schedule(step / 3, 1) for step in range(3)]
    assert lrs[1, 0] == lrs[1, 1] == lrs[1, 2] == [schedule(step / 3, 2) for step in range(6)]
    assert all(sum(has(part, arch) for part in parts_of(made.net)) == 1 for arch in ARCHS)


def test_several_decisions_give_all_combinations():
    splitter = EveryChoice((0, 2))

    division = splitter(spaces["cell_27"], whole(spaces["cell_27"]), [], None)

    assert len(division.parts) == splitter.num_parts(spaces["cell_27"]) == 9
    assert [part[1] for part in division.parts] == [(0, 1, 2)] * 9


def test_members_take_the_weights_and_the_momenta_along():
    made = training(of("few_shot"))
    for _ in range(3):
        made.step()
    before = weights(made)
    momenta = [
        made.optimizer.state[p]["momentum_buffer"].clone()
        for p in made.net.source.parameters()
        if p in made.optimizer.state
    ]

    made.step()  # of the first member

    for source in member_sources(made.net)[1:]:
        assert_equal({f"source.{k}": v for k, v in source.state_dict().items()}, before)
        assert_equal(
            [
                made.optimizer.state[p]["momentum_buffer"]
                for p in source.parameters()
                if p in made.optimizer.state
            ],
            momenta,
        )


def test_restarted_members_have_first_values_of_their_own():
    made = training(of("few_shot", restarts=True))
    for _ in range(3):
        made.step()
    before = weights(made)["source.stem/0.weight"]

    made.step()

    stems = [dict(s.named_parameters())["stem/0.weight"] for s in member_sources(made.net)]
    assert not any(torch.equal(a, b) for a, b in [(stems[1], stems[2]), (stems[1], before)])
    assert not any(p in made.optimizer.state for p in member_sources(made.net)[2].parameters())


def test_restarted_members_have_no_running_averages_of_those_that_had_their_names():
    settings = {"norms": "tracked", "grouping": "random", "restarts": True}
    made = training(of("gradient_matching", **settings))
    while not (made.is_splitting and made.splits):  # there are two members by then
        made.step()
    assert made.norms.state_dict()

    made.split_on()

    assert len(parts_of(made.net)) == 4
    assert made.norms.state_dict() == {}


@pytest.mark.parametrize("rule", ["inter", "intra"])
@pytest.mark.parametrize("grouping", ["gradients", "random"])
def test_splits_in_two_double_the_members(rule, grouping):
    made = finished(of("gradient_matching", rule=rule, grouping=grouping))

    parts = parts_of(made.net)
    assert len(parts) == 4
    assert all(sum(has(part, arch) for part in parts) == 1 for arch in ARCHS)
    assert [len(split["members"]) for split in made.splits] == [1, 2]
    first = made.splits[0]["members"][0]
    assert sorted(map(len, first["groups"])) == [1, 2]
    if grouping == "gradients":
        by = max if rule == "inter" else min
        assert first["decision"] == int(by(first[rule], key=first[rule].get))


def test_matching_does_not_change_what_is_trained_before_the_split():
    whole_one, spos = (
        of("gradient_matching", schedule="fresh", weight_decay=3e-4),
        of("spos", affine=False),
    )
    a, b = training(whole_one), training(replace(spos, epochs=1, optimiser=whole_one.optimiser))
    for _ in range(3):
        a.step()
        b.step()

    assert_equal(weights(a), weights(b))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("few_shot", {"restarts": True}),
        ("gradient_matching", {"restarts": True, "schedule": "fresh"}),
    ],
)
def test_a_training_continues_across_splits(name, settings):
    recipe = replace(of(name, **settings), norms="tracked")
    whole_one = finished(recipe)

    for stop in (3, 4, 10):  # before a split, after it, and after the next
        first = training(recipe)
        for _ in range(stop):
            first.step()
        second = continued(first, recipe)
        assert_equal(weights(second), weights(whole_one))
        assert second.splits == whole_one.splits


def test_a_training_left_within_a_split_goes_on_with_equal_results():
    recipe = of("gradient_matching", batches=2)  # three decisions of two batches, then two of two
    whole_one = finished(recipe)

    for looks_of_second_split in (1, 3, 5):
        first = training(recipe)
        while len(first.splits) < 1 or not first.is_splitting:
            first.step()
        for _ in range(looks_of_second_split):
            first.split_on()
        second = training(recipe, seed=9)
        second.load_state_dict(first.state_dict())
        assert second.looks == first.looks == (looks_of_second_split, 8)
        for _ in second.run():
            pass

        assert_equal(weights(second), weights(whole_one))
        assert second.splits == whole_one.splits


def test_looks_are_counted_one_by_one_and_a_split_takes_the_rest_of_them():
    made = training(of("gradient_matching", batches=2))
    for _ in range(3):
        made.step()
    assert made.is_splitting
    seen = []
    while made.is_splitting:
        seen.append((made.moments_done, made.looks))
        made.split_on()

    assert seen == [(3 + k, (k, 6)) for k in range(7)]  # the seventh splits
    assert made.moments_done == 9
    assert len(parts_of(made.net)) == 2


def test_a_gradient_that_is_not_finite_is_told_where_a_split_goes_by_it():
    made = training(of("gradient_matching", batches=1))
    for _ in range(3):
        made.step()
    spoil_gradients(made)

    with pytest.raises(DivergedError, match="at step 3"):
        made.step()


def test_the_state_of_a_split_supernet_may_be_left_again():
    recipe = of("few_shot")
    early = training(recipe)
    late = finished(recipe)

    late.load_state_dict(early.state_dict())

    assert parts_of(late.net) == ()
    assert_equal(weights(late), weights(early))


def test_subnets_are_evaluated_with_their_members(images):
    made = finished(of("few_shot"))
    x = made.examples.x_NCHW

    with torch.no_grad():
        for arch in ARCHS[::5]:
            plain = made.net.collapse(arch).train()
            torch.testing.assert_close(plain(x), made.net(x, onehot(arch)))


def test_what_cannot_be_split_is_refused_with_a_reason():
    beyond, many = of("few_shot", decision=3), of("few_shot", decisions=8)
    assert "is split, but the last is number 2" in unfit_reason(beyond, "cell_27")
    assert "5,184 sub-supernets are too many" in unfit_reason(many, "elastic_tiny")
    assert "too few to split 4 times" in unfit_reason(of("gradient_matching", splits=4), "cell_27")


def test_sizes_of_groups_follow_the_rule():
    assert TwoGroups("inter").sizes(5) == (2,)
    assert [TwoGroups("intra").sizes(count) for count in (3, 4, 5, 8)] == [
        (2,),
        (2,),
        (2,),
        (2, 3, 4),
    ]

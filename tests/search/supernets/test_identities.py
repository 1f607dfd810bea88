"""What is switched off is the baseline, bit for bit, in every space; and parts draw apart."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch

from search.spaces import spaces
from search.supernets.examples import ImportanceData
from search.supernets.losses import HardLabel
from search.supernets.mix import onehot
from search.supernets.mixtures import mixtures
from search.supernets.norms import calibrated
from search.supernets.parts import whole
from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Dropping, Phase
from search.supernets.recipes import unfit_reason
from search.supernets.schedules import constant, linear_smoothing
from search.supernets.sources import sources
from search.supernets.sources._drawn_channels import DrawnChannels
from search.supernets.sources.generated import Generated
from search.supernets.sources.partitioned import Partitioned
from search.supernets.sources.routed import Routed
from search.supernets.splitters import Division, Splitter
from search.supernets.splitting import Members
from search.supernets.updates import Clip
from tests.search.supernets.test_training import of, training

STEPS = 2
LARGE = ("mobile",)  # spaces whose supernets take seconds a step


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in mixtures]
)
def name(request):
    return request.param


class OneGroup(Splitter):
    def num_parts(self, space):
        return 1

    def __call__(self, space, part, looks, rng):
        return Division([part], {})


def groups(_space, inner, num, *, is_private):
    settings = {"num_groups": num, "group_of": lambda _arch: num - 1}
    return partial(Partitioned, inner=inner, is_private=lambda _slot: is_private, **settings)


def routed(space, inner, level):
    return partial(Routed, inner=inner, space=space, num_experts=1, level=level)


def generated(space, inner):
    return partial(Generated, inner=inner, space=space, generates=lambda _slot: False)


def member(space, inner):
    return lambda slots, generator: Members([inner(slots, generator)], [whole(space)])


SOURCES = {
    "one group": partial(groups, num=1, is_private=True),
    "groups that share everything": partial(groups, num=2, is_private=False),
    "one expert a layer": partial(routed, level="layer"),
    "one expert a neuron": partial(routed, level="neuron"),
    "nothing that is generated": generated,
    "one member": member,
}


def light(recipe, space):
    """Weights of every choice of mobile are too many to train here; elastic_tiny has its kinds."""
    is_heavy = space == "mobile" and recipe.source == "per_choice"
    return replace(recipe, source="entangled") if is_heavy else recipe


def stepped(recipe, space, steps=STEPS):
    made = training(light(recipe, space), space)
    for _ in range(steps):
        made.step()
    return made


@cache
def baseline(space, source):
    return stepped(of("spos", source=source), space)


@pytest.mark.parametrize("inner", sources)
@pytest.mark.parametrize("identity", SOURCES)
def test_a_source_switched_off_is_the_inner_source_bit_for_bit(name, inner, identity):
    if name == "mobile" and inner == "per_choice":
        pytest.skip("too many weights to train here; elastic_tiny has decisions of the same kinds")

    def source(space):
        return SOURCES[identity](space, sources[inner])

    found = stepped(replace(of("spos"), source=source), name).net

    assert_computes_as(found, baseline(name, inner).net)


def assert_computes_as(ours, theirs):
    """All tensors of some architectures, and what comes of them."""
    rng = np.random.default_rng(1)
    x = torch.randn(4, *theirs.shape, generator=torch.Generator().manual_seed(2))
    for arch in [theirs.space.sample(rng) for _ in range(3)]:
        mix = onehot(arch)
        with torch.no_grad():
            assert torch.equal(ours(x, mix), theirs(x, mix))
        for key, slot in [pair for pair in theirs.plain_slots(arch) if pair[1].is_affine]:
            pair = [net.source.tensors(net.slots[slot.name], mix) for net in (ours, theirs)]
            assert all(a is b is None or torch.equal(a, b) for a, b in zip(*pair, strict=True)), (
                key
            )


METHODS = {  # a method with its identity settings, and what it then is
    "panda": (
        lambda: of(
            "panda", weighs_paths=False, weighs_data=False, lr=0.025, last_lr=0.001, affine=True
        ),
        lambda: of("spos", norms="batch", weight_decay=2.5e-4),
    ),
    "few_shot": (
        lambda: replace(of("few_shot", epochs=2, clip_norm=5.0, affine=True), phases=()),
        lambda: replace(of("spos"), optimiser=of("few_shot").optimiser),
    ),
    "gradient_matching": (
        lambda: of("gradient_matching", splits=0, epochs=2, affine=True),
        lambda: replace(of("spos"), optimiser=of("gradient_matching").optimiser),
    ),
    "deeper_insights": (
        lambda: of("deeper_insights", sharing="similar_groups", groups=1),
        lambda: of("deeper_insights"),
    ),
    "shiftnas": (lambda: of("shiftnas", shifts=False), lambda: of("spos", source="entangled")),
    "bignas": (
        lambda: replace(
            of("bignas", dropout=0.0, drop_path=0.0, starts_as_identity=False),
            lr=of("sandwich").lr,
        ),
        lambda: of("sandwich", smoothing=0.1),
    ),
    "mixture_of_supernets": (
        lambda: of("mixture_of_supernets", experts=1),
        lambda: of("sandwich", num_mid=1, distils=False, smoothing=0.1),
    ),
    "a split into one": (
        lambda: replace(
            of("spos", epochs=1, norms="batch"), phases=(Phase(OneGroup(), 1, continues=True),)
        ),
        lambda: of("spos", norms="batch"),
    ),
    "dropping nothing": (
        lambda: replace(of("spos"), dropping=Dropping(0.0, 0.0, ("solo",))),
        lambda: of("spos"),
    ),
    "a role that counts fully": (
        lambda: replace(of("spos"), weighs={"solo": constant(1.0)}),
        lambda: of("spos"),
    ),
    "the average of one": (
        lambda: replace(of("spos", source="entangled"), aggregation="avg"),
        lambda: of("spos", source="entangled"),
    ),
    "labels that are not smoothed": (
        lambda: replace(of("spos"), loss=partial(HardLabel, 0.0)),
        lambda: of("spos"),
    ),
    "paths that are not weighed": (
        lambda: replace(of("spos"), paths=lambda net, rng: Uniform(net.space, rng, 1)),
        lambda: of("spos"),
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_with_identity_settings_is_its_baseline_bit_for_bit(name, method):
    ours, theirs = (make() for make in METHODS[method])
    reason = unfit_reason(ours, name)
    if reason:
        pytest.skip(reason)

    found, expected = (stepped(recipe, name, steps=4) for recipe in (ours, theirs))

    assert_computes_as(found.net, expected.net)


def test_there_are_spaces_for_every_method():
    fits = {m: [s for s in mixtures if not unfit_reason(make(), s)] for m, (make, _) in
            METHODS.items()}  # fmt: skip

    assert all(fits.values())
    assert set(fits["panda"]) >= {"nasbench201", "cell_27", "cell_64"}


PLAIN = of("spos", source="entangled")


def drawn(recipe, space):
    """Which images and which architectures three steps have."""
    made = training(recipe, space)
    reports = [made.step() for _ in range(3)]
    places = [report.places.tolist() for report in reports]
    return places, [[one.done.mix.arch for one in report.passes] for report in reports]


@cache
def drawn_plainly(space):
    return drawn(PLAIN, space)


CHANGES = {
    "what is dropped": {"dropping": Dropping(0.3, 0.3, ("solo",))},
    "the norms": {"norms": "tracked"},
    "the source": {"source": "per_choice"},
    "the precision": {"precision": "bfloat16"},
    "the clipping": {"clip": Clip("value", 0.1)},
    "the loss": {"loss": partial(HardLabel, 0.2)},
    "what is watched": {"watches_gradients": True},
    "the channels": {"source": lambda _space: partial(DrawnChannels, policy="subset")},
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_else_changes_which_images_and_architectures_are_drawn(name, change):
    assert drawn(replace(PLAIN, **CHANGES[change]), name) == drawn_plainly(name)


def test_the_sampler_of_paths_changes_no_image_and_that_of_images_no_path(name):
    two = replace(PLAIN, paths=lambda net, rng: Uniform(net.space, rng, 2))
    weighed = replace(PLAIN, data=partial(ImportanceData, smoothing=linear_smoothing))

    assert drawn(two, name)[0] == drawn_plainly(name)[0]
    assert drawn(weighed, name)[1] == drawn_plainly(name)[1]


def test_looking_at_subnets_between_steps_changes_nothing_in_any_space(name):
    alone, watched = (training(replace(PLAIN, norms="tracked"), name) for _ in range(2))
    space, rng = spaces[name], np.random.default_rng(3)
    x = watched.examples.x_NCHW
    before = torch.get_rng_state(), np.random.get_state()[1].copy()

    for _ in range(STEPS):
        alone.step()
        watched.step()
        mix = onehot(space.sample(rng))
        norms = calibrated(lambda x, n, mix=mix: watched.net(x, mix, n), [x])
        with torch.no_grad():
            watched.net(x, mix, norms)
        watched.state_dict()

    ours, theirs = (made.state_dict() for made in (alone, watched))
    torch.testing.assert_close(ours["net"], theirs["net"], rtol=0, atol=0)
    torch.testing.assert_close(ours["norms"], theirs["norms"], rtol=0, atol=0)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])

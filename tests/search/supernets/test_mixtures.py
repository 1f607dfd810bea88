"""What every supernet keeps to, whatever the source of its weights."""

import importlib
import pkgutil

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import search.supernets
from search.networks import networks
from search.spaces import spaces
from search.supernets.mix import Mix, mixture, onehot
from search.supernets.mixtures import mixtures
from search.supernets.norms import CollectingNorms, FixedNorms, calibrated
from search.supernets.sources import WeightSource
from search.supernets.sources._tensors import cropped
from tests.search.supernets.conftest import SMALL, small
from tests.search.supernets.weight_sources import AROUND, CASES, made, missing_reason

NESTED_ARE_SLOW = [
    pytest.param(case, marks=pytest.mark.slow) if len(names) > 2 else case
    for case, names in CASES.items()
]


@pytest.fixture(params=NESTED_ARE_SLOW)
def source(request, name):
    reason = missing_reason(CASES[request.param], name)
    if reason:
        pytest.skip(reason)
    return made(CASES[request.param], spaces[name])


def archs_of(name, rng, count):
    space = spaces[name]
    ends = [(0,) * len(space.decisions), tuple(len(d.choices) - 1 for d in space.decisions)]
    return [*ends, *(space.sample(rng) for _ in range(count))]


def plain_output(net, arch, x, norms=None):
    plain = net.collapse(arch, norms)
    return (plain.eval() if norms else plain)(x)


def test_one_hot_is_the_collapsed_plain_network(name, source, images, rng):
    net, images = small(name, source), images.double()
    archs = archs_of(name, rng, 1)[2 * (name == "mobile") :]  # its ends take seconds
    plains = [net.collapse(arch).double() for arch in archs]
    net.double()  # deep networks on single pixels magnify the rounding of single precision

    with torch.no_grad():
        for arch, plain in zip(archs, plains, strict=True):
            torch.testing.assert_close(
                net(images, onehot(arch)), plain(images), rtol=1e-4, atol=1e-5
            )


def test_one_hot_is_the_plain_network_with_calibrated_statistics_too(name, images, rng):
    net = small(name)
    arch = spaces[name].sample(rng)
    norms = calibrated(lambda x, n: net(x, onehot(arch), n), [images, images.flip(0) * 2])

    with torch.no_grad():
        ours, plain = net(images, onehot(arch), norms), plain_output(net, arch, images, norms)

    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_gradients_of_one_hot_are_those_of_the_plain_network(name, images, rng):
    net = small(name, "entangled" if name == "mobile" else "per_choice").double()
    images = images.double()
    arch = spaces[name].sample(rng)
    plain = net.collapse(arch).double()

    net(images, onehot(arch)).square().sum().backward()
    plain(images).square().sum().backward()

    gradients = {}
    for module, slot in net.plain_slots(arch):
        whole = net.source.parameters_of(slot, onehot(arch))
        for field, p in zip(("weight", "bias"), whole, strict=False):
            gradients[f"{module}.{field}"] = p.grad
    expected = {k: p.grad for k, p in plain.named_parameters() if p.grad is not None}
    for key, gradient in expected.items():
        ours = cropped(gradients[key], tuple(gradient.shape))
        torch.testing.assert_close(ours, gradient, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(ours.norm(), gradients[key].norm())  # nothing beside the slice


def test_plain_slots_fill_the_whole_plain_network(name, rng):
    net = small(name)
    for arch in archs_of(name, rng, 1)[1:]:
        plain = net.collapse(arch)
        filled = {
            f"{module}.{field}"
            for module, slot in net.plain_slots(arch)
            for field, _ in zip(("weight", "bias"), net.source.parameters_of(slot), strict=False)
        }

        assert filled == {key for key, _ in plain.named_parameters()}


def test_a_mix_of_one_choice_with_a_tensor_weight_is_that_choice(name, images, rng):
    net = small(name)
    arch = spaces[name].sample(rng)
    ones = Mix([((choice, torch.ones((), requires_grad=True)),) for choice in arch])

    with torch.no_grad():
        torch.testing.assert_close(net(images, ones), net(images, onehot(arch)))


def test_the_same_choice_twice_with_half_weights_is_that_choice(name, images, rng):
    # operations, prefixes and sizes all are linear in the weights of one decision
    net = small(name)
    arch = spaces[name].sample(rng)
    halves = Mix([((choice, 0.25), (choice, 0.75)) for choice in arch])

    if name == "mobile":  # a depth weighs a prefix once
        halves = Mix(
            [((choice, 0.25), (choice, 0.75)) for choice in arch[:2]]
            + [((choice, 1.0),) for choice in arch[2:]]
        )
    if name == "elastic_tiny":
        halves = Mix(
            [
                ((choice, 1.0),) if place % 4 == 1 else ((choice, 0.25), (choice, 0.75))
                for place, choice in enumerate(arch)
            ]
        )

    if name == "vit":
        halves = Mix([((c, 1.0),) if p == 1 else halves.terms[p] for p, c in enumerate(arch)])

    with torch.no_grad():
        torch.testing.assert_close(
            net(images, halves), net(images, onehot(arch)), rtol=1e-4, atol=1e-5
        )


def test_every_weight_of_a_soft_mix_gets_a_gradient(name, images):
    net = small(name)
    vectors = [
        torch.full((len(d.choices),), 1 / len(d.choices), requires_grad=True)
        for d in net.space.decisions
    ]

    net(images, mixture(vectors))[:, 0].square().sum().backward()

    gradients = [vector.grad for vector in vectors]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_only_chosen_operations_get_gradients(name, images, rng):
    net = small(name, "per_choice")
    arch = spaces[name].sample(rng)

    net(images, onehot(arch)).sum().backward()

    chosen = {
        id(p)
        for _, slot in net.plain_slots(arch)
        for p in net.source.parameters_of(slot, onehot(arch))
    }
    assert {id(p) for p in net.parameters() if p.grad is not None} <= chosen


def test_macs_are_those_of_the_plain_network(name, rng):
    net = small(name)
    for arch in archs_of(name, rng, 1)[1:]:
        plain = networks[name](
            arch,
            shape=net.shape,
            num_classes=net.num_classes,
            generator=torch.Generator(),
            device=torch.device("meta"),
            **SMALL[name],
        )
        with FlopCounterMode(display=False) as counter:
            plain(torch.zeros(2, *net.shape, device="meta"))
        pools = pool_macs(net, arch, counter)

        assert net.macs(arch) == counter.get_total_flops() // 4 - pools


def pool_macs(net, arch, _counter):
    """NAS-Bench-201's pools are convolutions with ones, whose operations are not macs."""
    if net.name != "nasbench201":
        return 0
    plain = net.collapse(arch).to("meta")
    with FlopCounterMode(display=False) as whole:
        plain(torch.zeros(2, *net.shape, device="meta"))
    sizes = [m for m in plain.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    seen = []
    for module in sizes:
        module.register_forward_hook(lambda m, _i, y: seen.append(y.numel() * m.weight[0].numel()))
    plain(torch.zeros(2, *net.shape, device="meta"))
    dead = (
        sum(slot.macs(arch, *net.shape[1:]) for _, slot in net.plain_slots(arch)) - sum(seen) // 2
    )
    return whole.get_total_flops() // 4 - sum(seen) // 2 - dead


@pytest.mark.parametrize("case", CASES)
def test_equal_seeds_give_equal_weights_and_touch_no_global_generator(case):
    name, source = "elastic_tiny", made(CASES[case], spaces["elastic_tiny"])
    before = torch.get_rng_state(), np.random.get_state()[1].copy()

    first, second = small(name, source).state_dict(), small(name, source).state_dict()

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def all_below(kind):
    return {kind} | {c for below in kind.__subclasses__() for c in all_below(below)}


def test_every_kind_of_source_is_held_to_this():
    for module in pkgutil.walk_packages(search.supernets.__path__, "search.supernets."):
        importlib.import_module(module.name)
    kinds = {c for c in all_below(WeightSource) if c.__module__.startswith("search.")}

    nets = [small("cell_27", made(names, spaces["cell_27"])) for names in CASES.values()]

    assert kinds - {WeightSource} == {
        type(module)
        for net in nets
        for module in net.modules()
        if isinstance(module, WeightSource)
    }


@pytest.mark.parametrize("around", AROUND)
def test_every_source_around_others_exists_for_some_space(around):
    missing = [name for name in mixtures if missing_reason((around,), name)]

    assert set(missing) < set(mixtures)


def test_every_mixture_is_of_a_space():
    assert set(mixtures) <= set(spaces)


def test_collecting_norms_average_over_batches(images):
    collecting = CollectingNorms()
    for x in (images, 3 * images):
        collecting(x, None, None, "here")

    means = torch.stack([x.mean(dim=(0, 2, 3)) for x in (images, 3 * images)]).mean(0)
    variances = torch.stack([x.var(dim=(0, 2, 3)) for x in (images, 3 * images)]).mean(0)
    torch.testing.assert_close(collecting.moments["here"], (means, variances))


def test_calibrating_one_subnet_changes_no_other(images):
    net = small("elastic_tiny")
    big, little = (3, 2, 2, 1) * 2, (0,) * 8
    before = calibrated(lambda x, n: net(x, onehot(little), n), [images])
    weights = {key: value.clone() for key, value in net.state_dict().items()}

    calibrated(lambda x, n: net(x, onehot(big), n), [images])

    after = calibrated(lambda x, n: net(x, onehot(little), n), [images])
    torch.testing.assert_close(before.moments, after.moments, rtol=0, atol=0)
    torch.testing.assert_close(net.state_dict(), weights, rtol=0, atol=0)
    assert isinstance(before, FixedNorms)

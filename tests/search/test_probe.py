from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from search.errors import NotApplicableError
from search.networks import networks
from search.networks._nasbench201 import Cell
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces import spaces
from search.tangent import curvature
from search.tangent_rules import UnknownOperationError

EIGHT = ("fisher", "grad_norm", "grasp", "jacob_cov", "nwot", "plain", "snip", "synflow")
LETTERS = {"n": 0, "s": 1, "1": 2, "3": 3, "p": 4}


def batch_of(num_images=6, size=8, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x_BCHW = torch.randn(num_images, 3, size, size, generator=generator, dtype=dtype)
    return Batch(x_BCHW, torch.arange(num_images) % 3, num_classes=3)


def cell(letters, **keywords):
    arch = tuple(LETTERS[letter] for letter in letters)
    params = {"channels": 4, "cells": 1} | keywords
    return networks["nasbench201"](
        arch, shape=(3, 8, 8), device=torch.device("cpu"), **params
    ).double()


def probe_of(letters):
    return Probe(partial(cell, letters), batch_of(), seed=0)


@pytest.fixture
def probe():
    return probe_of("3s13p1")


def test_eight_proxies_run_the_network_twice(probe):
    """Once with the batch, for all but synflow, which passes ones."""
    passes = []
    probe.network.register_forward_pre_hook(lambda *_: passes.append(1))

    for name in EIGHT:
        proxies[name](probe)

    assert len(passes) == 2


def test_nothing_runs_before_it_is_asked_for():
    built = []

    def build(**keywords):
        built.append(keywords)
        return cell("3s13p1", **keywords)

    probe = Probe(build, batch_of(), seed=0)

    assert not built
    assert probe.num_params == sum(p.numel() for p in cell("3s13p1", num_classes=3,
        generator=torch.Generator()).parameters())  # fmt: skip


def test_shared_gradients_are_those_of_a_plain_backward_pass(probe):
    net = cell("3s13p1", num_classes=3, generator=torch.Generator().manual_seed(0))
    nn.functional.cross_entropy(net(probe.batch.x_BCHW), probe.batch.y_B).backward()

    plain = {
        n: m.weight.grad for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)
    }

    assert set(plain) == set(probe.weight_gradients)
    for name in [name for name in plain if plain[name] is not None]:
        torch.testing.assert_close(probe.weight_gradients[name], plain[name])


def by_tangents(probe):
    """The probe's curvature, and no way round where a rule is missing."""
    return curvature(
        probe.forward.logits_BK,
        probe.y_B,
        list(probe._leaves.values()),
        list(probe.weight_gradients.values()),
        probe.backward.at,
        {y.grad_fn: y.detach() for _, y in probe.forward.outputs},
    )


@pytest.mark.parametrize(
    "letters", ["3s13pn", "33n1s3", "pp1s33", "n3n3n1", "ssssss", "nnnnnn", "33snnn", "1s3psp"]
)
def test_tangents_give_what_differentiating_twice_gives(letters):
    probe = probe_of(letters)

    twice = probe._curvature_by_differentiating_twice()

    assert by_tangents(probe) == pytest.approx(twice, rel=1e-9, abs=1e-15)
    assert probe.curvature == by_tangents(probe)


SMALL = {
    "cell_27": {"channels": 4},
    "cell_64": {"channels": 4, "cells": 1},
    "darts": {"channels": 4, "cells": 3},
    "elastic_tiny": {},
    "mobile": {},
    "nasbench101": {"channels": 8, "modules": 1},
    "nasbench201": {"channels": 4, "cells": 1},
    "nasbench_macro": {"channels": 4, "features": 16},
}
WITHOUT_RULES = {"nasbench_nlp", "vit"}  # recurrent, and with attention: differentiated twice


@pytest.mark.parametrize("name", sorted({*networks} - WITHOUT_RULES))
def test_tangents_hold_in_every_space_of_convolutions(name):
    arch = (
        spaces[name].at(0) if name == "mobile" else spaces[name].sample(np.random.default_rng(1))
    )
    build = partial(
        networks[name], arch, shape=(3, 16, 16), device=torch.device("cpu"), **SMALL[name]
    )
    probe = Probe(lambda **drawn: build(**drawn).double(), batch_of(size=16), seed=0)

    twice = probe._curvature_by_differentiating_twice()

    assert by_tangents(probe) == pytest.approx(twice, rel=1e-7)


def test_tangents_hold_in_single_precision_too():
    build = partial(
        networks["nasbench201"], (4, 3, 4, 4, 2, 3), shape=(3, 8, 8), channels=4, cells=1,
        device=torch.device("cpu"),
    )  # fmt: skip
    probe = Probe(build, batch_of(dtype=torch.float32), seed=0)

    twice = probe._curvature_by_differentiating_twice()

    assert by_tangents(probe) == pytest.approx(twice, rel=1e-4)


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)),
        (nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 1, groups=2), nn.Flatten(), nn.Linear(36, 3)),
        (nn.Flatten(), nn.Linear(192, 5, bias=False), nn.ReLU(), nn.Linear(5, 3, bias=False)),
        (nn.Conv2d(3, 4, 3), nn.Hardswish(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)),
        (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False), nn.Flatten(), nn.Linear(144, 3)),
    ],
    ids=["with biases", "groups", "linear", "curved activation", "norm without scale"],
)  # fmt: skip
def test_other_networks_have_their_tangents_too(layers):
    probe = Probe(lambda **_: nn.Sequential(*layers).double(), batch_of(), seed=0)

    twice = probe._curvature_by_differentiating_twice()

    assert by_tangents(probe) == pytest.approx(twice, rel=1e-9)


def test_what_has_no_rule_is_differentiated_twice():
    layers = (nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, 3))
    probe = Probe(lambda **_: nn.Sequential(*layers).double(), batch_of(), seed=0)

    twice = probe._curvature_by_differentiating_twice()

    assert probe.curvature == twice
    with pytest.raises(UnknownOperationError, match="GeluBackward0"):
        by_tangents(probe)


@pytest.mark.parametrize("letters", ["3s13pn", "33snnn", "n33s1n", "3n1nns", "p31nsn"])
def test_relus_are_counted_as_in_the_network_that_runs_every_edge(letters):
    probe = probe_of(letters)
    net = probe.network
    agreement_BB = torch.zeros(6, 6, dtype=torch.float64)

    def count(relu, _inputs, y):
        nonlocal agreement_BB
        on_BA = (y > 0).flatten(1).double()
        copies = getattr(relu, "copies", 1)
        agreement_BB += copies * (on_BA @ on_BA.T + (1 - on_BA) @ (1 - on_BA).T)

    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(count)
        if isinstance(module, Cell):
            module.runs_dead_edges = True
    net(probe.batch.x_BCHW)
    counted_BB = agreement_BB.clone()

    torch.testing.assert_close(probe_of(letters).relu_agreement_BB, counted_BB)


def test_dropout_draws_from_the_seed():
    def build(**_):
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 3)).double()

    net = build()
    first, second, other = (
        Probe(lambda **_: net, batch_of(), seed=seed).forward.logits_BK.detach()
        for seed in (0, 0, 1)
    )

    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first, other)


def test_ones_pass_keeps_norms_in_their_place(probe):
    norms = [m for m in probe.network.modules() if isinstance(m, nn.BatchNorm2d)]

    flows = probe.ones_pass

    assert [m for m in probe.network.modules() if isinstance(m, nn.BatchNorm2d)] == norms
    assert all(flow.dtype == torch.float64 for flow in flows.values())


def test_networks_that_crash_in_channels_last_run_in_plain_layout():
    """oneDNN writes past the weight gradient of a strided 1x1 convolution of few channels."""
    layers = (nn.Conv2d(3, 4, 1, stride=2), nn.Flatten(), nn.Linear(64, 3))
    probe = Probe(lambda **_: nn.Sequential(*layers).double(), batch_of(), seed=0)

    assert probe.x_BCHW.is_contiguous()
    assert not probe_of("3s13pn").x_BCHW.is_contiguous()


def test_images_repeat_when_the_batch_has_fewer(probe):
    x_BCHW = probe.images(8)

    torch.testing.assert_close(x_BCHW[6:], x_BCHW[:2], rtol=0, atol=0)


def test_what_several_proxies_share_is_measured_once_for_equal_arguments(probe):
    calls = []

    def measure(_probe, place, *, scale=1):
        calls.append((place, scale))
        return len(calls)

    first = probe.once(measure, 3, scale=2)

    assert probe.once(measure, 3, scale=2) == first
    assert probe.once(measure, 4) != first
    assert calls == [(3, 2), (4, 1)]


def test_a_pass_writes_the_buffers_it_is_given_and_no_others(probe):
    buffers = probe.buffers()

    probe.run(probe.parameters, probe.x_BCHW, buffers=buffers)

    changed = [k for k, b in probe.network.named_buffers() if not torch.equal(b, buffers[k])]
    assert any(name.endswith("running_var") for name in changed)
    torch.testing.assert_close(probe.network.norm.running_var, torch.ones(16).double())


def test_batch_norm_of_a_single_value_is_said_not_to_apply():
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.BatchNorm1d(4)).double()
    probe = Probe(lambda **_: net, batch_of(), seed=0)

    with pytest.raises(NotApplicableError, match="one value to a channel"):
        probe.run(probe.parameters, probe.x_BCHW[:1])


@pytest.mark.parametrize(
    ("draw", "variance"),
    [("gaussian", 1), ("kaiming_fan_in", 2 / 9 / 3), ("kaiming_fan_out", 2 / 9 / 400)],
)
def test_weights_drawn_anew_have_the_variance_that_is_asked_for(draw, variance):
    net = nn.Sequential(nn.Conv2d(3, 400, 3), nn.BatchNorm2d(400, affine=True))
    net[1].weight.data.fill_(7)

    drawn = Probe(lambda **_: net, batch_of(), seed=0).redrawn(draw, "here")

    assert float(drawn["0.weight"].detach().var()) == pytest.approx(variance, rel=0.05)
    assert not drawn["0.bias"].any()
    assert set(drawn["1.weight"].tolist()) == {1.0}
    assert set(net[1].weight.tolist()) == {7.0}


def test_draws_depend_on_their_purpose_alone(probe):
    first, other = probe.noise(2, "a", 1), probe.noise(2, "a", 2)

    assert torch.equal(probe.noise(2, "a", 1), first)
    assert not torch.equal(first, other)


def test_without_further_batches_there_is_one(probe):
    assert probe.batch_at(0) is probe.batch
    with pytest.raises(NotApplicableError, match="only one batch"):
        probe.batch_at(1)


@pytest.mark.parametrize("letters", ["3s13p1", "3s13pn", "33n1s3", "nnnnnn"])
def test_counts_are_the_same_before_and_after_a_pass_and_on_shapes_alone(letters, monkeypatch):
    before, after, large = (probe_of(letters) for _ in range(3))
    assert after.forward
    monkeypatch.setattr("search.probe.LARGE_PARAMS", 0)
    on_shapes = large.num_macs
    monkeypatch.undo()

    assert before.num_macs == after.num_macs == on_shapes

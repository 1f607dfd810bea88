from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from search.costs import costs
from search.networks import networks
from search.probe import Batch, Measurement, Probe
from search.spaces import spaces
from search.traits import traits_of

LETTERS = {"n": 0, "s": 1, "1": 2, "3": 3, "p": 4}
SHAPE = (3, 32, 32)


def probe_of(letters, num_classes=10, **params):
    arch = tuple(LETTERS[letter] for letter in letters)
    build = partial(
        networks["nasbench201"], arch, shape=SHAPE, device=torch.device("cpu"), **params
    )
    batch = Batch(torch.zeros(2, *SHAPE), torch.zeros(2, dtype=torch.int64), num_classes)
    return Probe(build, batch, seed=0)


def probe_of_layers(*layers, x):
    return Probe(
        lambda **_: nn.Sequential(*layers), Batch(x, torch.zeros(len(x)).long(), 2), seed=0
    )


@pytest.fixture(params=costs)
def name(request):
    return request.param


@pytest.mark.parametrize(
    ("letters", "num_params", "num_macs"),
    [
        ("333333", 1_531_546, 220_119_680),
        ("111111", 241_306, 31_376_000),
        ("ssssss", 73_306, 7_783_040),
        ("nnnnnn", 73_306, 7_783_040),
        ("pppppp", 73_306, 7_783_040),
        ("333s13", 1_073_466, 153_272_960),
        ("s31313", 858_426, 121_815_680),
        ("33snnn", None, None),
    ][:-1],
)
def test_params_and_macs_are_as_published(letters, num_params, num_macs):
    probe = probe_of(letters)

    assert costs["params"](probe).value == num_params
    assert costs["macs"](probe).value == num_macs


def test_dead_convolutions_count_as_published():
    dead, none = (costs["macs"](probe_of(letters)).value for letters in ("33snnn", "nnnnnn"))

    assert dead - none == 2 * 5 * 3 * 9 * 16 * 16 * 32 * 32


def test_macs_of_other_layers_are_counted():
    probe = probe_of_layers(nn.Linear(3, 5), nn.Linear(5, 2), x=torch.zeros(4, 3))

    assert costs["macs"](probe).value == 3 * 5 + 5 * 2


def test_macs_are_counted_by_running_where_shapes_do_not_suffice():
    class Sized(nn.Linear):
        def forward(self, x):
            return super().forward(x[x.sum(dim=1) > -1])

    probe = probe_of_layers(Sized(3, 2), x=torch.zeros(4, 3))

    assert costs["macs"](probe).value == 6


def test_every_cost_measures_every_space(name):
    for_all = []
    for space in spaces:
        arch = spaces[space].sample(np.random.default_rng(0))
        build = partial(networks[space], arch, shape=SHAPE, device=torch.device("cpu"))
        batch = Batch(torch.zeros(2, *SHAPE), torch.zeros(2, dtype=torch.int64), 10)
        for_all.append(costs[name](Probe(build, batch, seed=0)))

    assert all(type(cost) is Measurement and cost.value > 0 for cost in for_all)


def test_costs_are_to_be_minimised_and_leave_the_network_alone(name):
    probe = probe_of("333s13", channels=2, cells=1)
    before = {key: tensor.clone() for key, tensor in probe.network.state_dict().items()}

    costs[name](probe)

    assert traits_of(costs[name]).direction == "minimize"
    assert probe.network.training
    torch.testing.assert_close(dict(probe.network.state_dict()), before, rtol=0, atol=0)


def test_latency_comes_with_how_it_was_measured():
    probe = probe_of("333s13", channels=2, cells=1)

    latency = costs["latency_ms"](probe, batch_size=3, warmup=1, repeats=5)

    assert latency.value == latency.details["median_ms"] > 0
    assert latency.details["spread_ms"] >= 0
    assert (latency.details["batch_size"], latency.details["repeats"]) == (3, 5)
    assert {"device", "threads", "warmup"} <= set(latency.details)


def test_peak_memory_of_two_layers_is_what_lives_at_once():
    """128 input values, 48 and 12 weights, 64 and 16 outputs: the outputs live together."""
    layers = (nn.Linear(4, 8, bias=False), nn.Linear(8, 2, bias=False))

    peak = costs["peak_memory_mb"](probe_of_layers(*layers, x=torch.zeros(8, 4)), batch_size=8)

    assert peak.details["held_mb"] * 1e6 == 4 * (8 * 4 + 4 * 8 + 8 * 2)
    assert peak.details["allocated_mb"] * 1e6 == 4 * (8 * 8 + 8 * 2)


def test_peak_memory_forgets_what_was_freed():
    layers = [nn.Linear(16, 16, bias=False) for _ in range(6)]

    peak = costs["peak_memory_mb"](probe_of_layers(*layers, x=torch.zeros(8, 16)), batch_size=8)

    assert peak.details["allocated_mb"] * 1e6 == 2 * 4 * 8 * 16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_peak_memory_on_cuda_is_the_allocators_own():
    build = partial(
        networks["nasbench201"], (3,) * 6, shape=SHAPE, device=torch.device("cuda"), channels=4
    )
    batch = Batch(torch.zeros(2, *SHAPE), torch.zeros(2, dtype=torch.int64), 10)

    peak = costs["peak_memory_mb"](Probe(build, batch, seed=0, device="cuda"))

    assert peak.details["method"] == "torch.cuda peak counter"
    assert peak.value > 0

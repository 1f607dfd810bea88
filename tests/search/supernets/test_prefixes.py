"""Caches of evaluations never change a result."""

import numpy as np
import pytest
import torch

from search.spaces import spaces
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.mix import onehot
from search.supernets.norms import FixedNorms, NormPolicy
from search.supernets.prefixes import in_order
from search.supernets.recipes import recipes
from search.supernets.splitting import split
from tests.search.supernets.conftest import small


def images(seed=0, count=12):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, 8, 8, generator=generator)
    return x, torch.randint(5, (count,), generator=generator)


def evaluation(net, kind="recalibrated", **settings):
    x, y = images()
    return SubnetAccuracy(
        net, NormPolicy(kind), [x[:6], x[6:]], [(x[:8], y[:8]), (x[8:], y[8:])], **settings
    )


def some(name, count=8):
    """An arch, and others that differ in one decision."""
    space, rng = spaces[name], np.random.default_rng(2)
    first = space.sample(rng)
    found = [first]
    for _ in range(count - 1):
        place = int(rng.integers(len(first)))
        choice = int(rng.integers(len(space.decisions[place].choices)))
        found.append((*first[:place], choice, *first[place + 1 :]))
    return found


@torch.no_grad()
def logits_of(accuracy, arch):
    """Uncached logits, and the statistics behind them."""
    mix = onehot(arch)
    norms = accuracy.policy.for_evaluation(
        lambda x, n: accuracy.net(x, mix, n), accuracy._calibration
    )
    moments = norms.moments if isinstance(norms, FixedNorms) else {}
    return [accuracy.net(x, mix, norms) for x, _ in accuracy._test], moments


@torch.no_grad()
def assert_exact(accuracy, arch):
    links, key = accuracy._chain(arch)
    found = accuracy._prefixes.run(links, key)
    logits, moments = logits_of(accuracy, arch)
    assert all(torch.equal(a, b) for a, b in zip(found.test, logits, strict=True))
    if accuracy.policy.kind == "recalibrated":
        assert found.moments.keys() == moments.keys()
        for place, (mean, variance) in moments.items():
            assert torch.equal(found.moments[place][0], mean)
            assert torch.equal(found.moments[place][1], variance)


@pytest.mark.parametrize("source", ["entangled", "per_choice"])
def test_logits_and_statistics_are_bit_for_bit_those_of_every_network_alone(name, source):
    if name == "mobile" and source == "per_choice":
        pytest.skip("its tensors are many")
    accuracy = evaluation(small(name, source))

    for arch in some(name, 5):
        assert_exact(accuracy, arch)


@pytest.mark.parametrize("kind", ["batch", "tracked"])
def test_other_norms_are_exact_too(kind):
    accuracy = evaluation(small("elastic_tiny"), kind)
    with torch.no_grad():
        for arch in some("elastic_tiny", 3):
            accuracy.net(images(3)[0], onehot(arch), accuracy.policy.training)

    for arch in some("elastic_tiny"):
        assert_exact(accuracy, arch)


def test_members_never_share_what_they_do_not():
    net = small("cell_27", "per_choice")
    split(net, [[((0,), (0, 1, 2), (0, 1, 2)), ((1, 2), (0, 1, 2), (0, 1, 2))]])
    with torch.no_grad():
        for parameter in net.source.member(1).parameters():
            parameter.mul_(1.5)
    accuracy = evaluation(net)

    for arch in ((0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 0, 1)):
        assert_exact(accuracy, arch)


@pytest.mark.parametrize("recipe", ["hypernetwork", "mixture_of_supernets"])
def test_sources_that_see_the_whole_architecture_are_exact(recipe):
    maker = recipes[recipe]().source(spaces["elastic_tiny"])
    accuracy = evaluation(small("elastic_tiny", maker))

    for arch in some("elastic_tiny", 4):
        assert_exact(accuracy, arch)


@pytest.mark.parametrize("cache_bytes", [0, 20_000, 2**29])
def test_the_size_of_the_cache_changes_no_result(cache_bytes):
    archs = some("elastic_tiny", 10)
    accuracy = evaluation(small("elastic_tiny"), cache_bytes=cache_bytes)

    assert accuracy.of_all(archs) == [accuracy.of_mix(onehot(arch)) for arch in archs]
    assert accuracy._prefixes._num_bytes <= cache_bytes
    kept = sum(known.num_bytes for known in accuracy._prefixes._known.values())
    assert accuracy._prefixes._num_bytes == kept


def test_what_is_remembered_does_not_grow_with_the_number_of_subnets(monkeypatch):
    monkeypatch.setattr("search.supernets.accuracy.ACCURACIES_KEPT", 3)
    monkeypatch.setattr("search.supernets.prefixes.MAX_COUNTS", 20)
    accuracy, archs = evaluation(small("elastic_tiny")), some("elastic_tiny", 10)

    found = [accuracy(arch) for arch in archs]

    assert len(accuracy._known) == 3
    assert len(accuracy._prefixes._counts) <= 20 + max(len(accuracy.net.links(a)) for a in archs)
    assert accuracy.of_all(archs) == found


def test_what_networks_share_is_run_once():
    accuracy = evaluation(small("elastic_tiny"))
    archs = [(1, 2, 0, 1, 2, 2, 0, choice) for choice in (0, 1)]  # stem, 3 + 3 blocks, classifier

    accuracy.of_all(archs)

    assert accuracy._prefixes.links_run == 8 + 4


def test_cells_that_compute_the_same_are_evaluated_once():
    accuracy = evaluation(small("nasbench201", "per_choice"))
    dead = [(3, 0, choice, 1, 0, 0) for choice in (1, 2, 3, 4)]  # node 2 leads nowhere

    assert len(set(accuracy.of_all(dead))) == 1
    assert len(accuracy._known) == 1


def test_statistics_are_kept_for_what_was_evaluated():
    accuracy, arch = evaluation(small("elastic_tiny")), (1, 2, 0, 1, 2, 2, 0, 0)
    accuracy(arch)
    accuracy.policy.for_evaluation = None

    assert accuracy.norms(onehot(arch)).moments


def test_an_invalid_arch_among_many_is_refused_before_any_is_evaluated():
    accuracy = evaluation(small("elastic_tiny"))

    with pytest.raises(ValueError, match="choice 9 is outside"):
        accuracy.of_all([(0,) * 8, (9,) + (0,) * 7])
    assert accuracy._prefixes.links_run == 0


def test_chains_that_begin_alike_follow_each_other():
    chains = [("a", "b"), ("c", "d"), ("a", "e"), ("c", "d")]

    assert in_order(chains) == [0, 2, 1, 3]

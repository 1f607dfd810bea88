import pytest
import torch

from search.supernets.accuracy import SubnetAccuracy
from search.supernets.mix import onehot
from search.supernets.norms import NormPolicy
from tests.search.supernets.conftest import small


def evaluation(kind="recalibrated"):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, 8, 8, generator=generator)
    y = torch.randint(5, (12,), generator=generator)
    net = small("elastic_tiny")
    return SubnetAccuracy(net, NormPolicy(kind), [x[:6], x[6:]], [(x[:8], y[:8]), (x[8:], y[8:])])


@pytest.mark.parametrize("kind", ["recalibrated", "tracked"])
def test_accuracy_is_that_of_the_collapsed_network(kind):
    accuracy, arch = evaluation(kind), (1, 2, 0, 1, 2, 0, 2, 0)
    if kind == "tracked":
        accuracy.net(torch.randn(4, 3, 8, 8), onehot(arch), accuracy.policy.training)
    plain = accuracy.collapse(arch)

    with torch.no_grad():
        right = sum(int((plain(x).argmax(1) == y).sum()) for x, y in accuracy._test)

    assert not plain.training
    assert accuracy(arch) == right / 12


def test_a_subnet_is_evaluated_once():
    accuracy, calls = evaluation(), []
    run = accuracy._prefixes.run
    accuracy._prefixes.run = lambda *args: calls.append(args) or run(*args)

    assert len({accuracy((0,) * 8) for _ in range(3)}) == 1
    assert len(calls) == 1


def test_borrowed_statistics_are_the_lenders():
    accuracy = evaluation()
    lender, arch = (1, 2, 0, 1, 2, 0, 2, 0), (0,) * 8
    norms = accuracy.norms(onehot(lender))
    with torch.no_grad():
        right = sum(
            int((accuracy.net(x, onehot(arch), norms).argmax(1) == y).sum())
            for x, y in accuracy._test
        )

    assert accuracy.borrowed(arch, lender) == right / 12
    assert accuracy.borrowed(lender, lender) == accuracy(lender)


def test_an_invalid_subnet_is_refused_before_a_tensor_is_touched():
    accuracy = evaluation()
    accuracy._prefixes = None

    with pytest.raises(ValueError, match="stage 1 width: choice 9 is outside 0 to 3"):
        accuracy((9, 0, 0, 0, 0, 0, 0, 0))

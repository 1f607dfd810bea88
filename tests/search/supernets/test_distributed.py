"""Two processes with half of a batch each train as one does with all of it."""

import json
import socket
import subprocess
import sys

import pytest
import torch

from search.supernets.processes import ALONE, Rows
from tests.search.supernets.conftest import small
from tests.search.supernets.test_training import of, training
from tests.search.supernets.training_together import BREAK, trained

CASES = {
    "batch norm, dropout, drop path, four passes": ("elastic_tiny", "bignas", {}),
    "tracked norms, unused parameters": ("cell_27", "spos", {"norms": "tracked"}),
    "layer norm, experts": ("vit", "mixture_of_supernets", {}),
    "gradients besides the network's": ("elastic_tiny", "shiftnas", {}),
    "importance of paths and images": ("cell_27", "panda", {}),
    "members": ("cell_27", "few_shot", {}),
}
SLOW = pytest.mark.slow  # one launch for all cases: two processes that load torch


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """What each of two processes has in the end, case by case."""
    file = tmp_path_factory.mktemp("together") / "found"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"),
        *("--master-addr=127.0.0.1", f"--master-port={port}"),
        *("-m", "tests.search.supernets.training_together", str(file), json.dumps(CASES)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(f"{file}.{rank}", weights_only=True) for rank in (0, 1)]


@SLOW
@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one(case, launched):
    both, alone = launched[0][case]["whole"], trained(CASES[case])

    assert len(both["losses"]) == len(alone["losses"])
    for ours, theirs in zip(both["losses"], alone["losses"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    for part in ("net", "norms"):
        torch.testing.assert_close(both["state"][part], alone["state"][part], rtol=1e-2, atol=2e-4)


@SLOW
@pytest.mark.parametrize("case", CASES)
def test_both_processes_hold_the_same_state(case, launched):
    first, second = (found[case]["whole"] for found in launched)

    assert first["losses"] == second["losses"]
    assert_same(first["state"], second["state"])


@SLOW
@pytest.mark.parametrize("case", CASES)
def test_a_resumed_training_of_two_equals_an_undisturbed_one(case, launched):
    whole, resumed = (launched[0][case][kind] for kind in ("whole", "resumed"))

    assert resumed["losses"] == whole["losses"][BREAK:]
    assert_same(resumed["state"], whole["state"])


@SLOW
def test_both_processes_notice_that_the_gradient_of_one_is_not_finite(launched):
    assert [found["diverged at"] for found in launched] == [1, 1]


def assert_same(first, second):
    """Nested states, bit for bit."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert_same(value, second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for a, b in zip(first, second, strict=True):
            assert_same(a, b)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def test_rows_of_processes_are_disjoint_and_together_the_batch():
    batch = torch.arange(7)

    parts = [Rows(rank, 3, 7).of(batch).tolist() for rank in range(3)]

    assert parts == [[0, 3, 6], [1, 4], [2, 5]]


def test_one_process_is_what_there_is_by_default():
    net, values = small("cell_27"), torch.tensor([1.0, 2.0])

    assert ALONE.model(net) is net
    assert ALONE.mean(values, ALONE.rows(2)) == 1.5
    assert ALONE.whole(values, ALONE.rows(2)) is values


def test_fewer_images_than_processes_are_refused():
    class Many(type(ALONE)):
        count = 9

    with pytest.raises(ValueError, match="at least 9 training examples a step"):
        training(of("spos", batch_size=8), processes=Many())

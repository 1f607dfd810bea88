"""Training a supernet by torchrun, as a person starts it."""

import socket
import subprocess
import sys

import pytest
import torch

from search import artifacts
from search.datasets import datasets
from search.supernets.state_files import StateFiles
from search.supernets.trained import load_trained
from search.train_supernet import main

SEARCH = """
name: together
space: {name: cell_27}
network: {channels: 2, cells: 1}
data: {name: digits, batch_size: 8}
objectives: [params]
strategy: {name: random}
budget: {trials: 1}
supernet:
  recipe: {name: spos, params: {epochs: 1, batch_size: 256}}
  probes: 0
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text(SEARCH)
    return path


@pytest.mark.slow  # two processes that load torch
def test_two_processes_leave_one_supernet_that_can_be_used(file, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"),
        *("--master-addr=127.0.0.1", f"--master-port={port}", "-m", "search.train_supernet"),
        *(str(file), f"--data-dir={tmp_path}", "--device=cpu"),
    ]

    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    digest = done.stdout.split()[-1]
    assert len(artifacts.read(tmp_path, digest)) > 0
    trained = load_trained(tmp_path, digest, datasets["digits"](tmp_path), torch.device("cpu"))
    assert trained.info.recipe == "spos"
    assert "the supernet is trained" in done.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("supernet:\n  recipe", "supernets:\n  recipe"), "supernets"),
        (("{name: spos, params: {epochs: 1, batch_size: 256}}", "{name: none}"), "no recipe"),
    ],
)
def test_what_cannot_be_trained_is_said(change, reason, file, tmp_path, capsys, monkeypatch):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_ADDR", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MASTER_PORT", str(probe.getsockname()[1]))
    file.write_text(SEARCH.replace(*change))

    status = main([str(file), f"--data-dir={tmp_path}", "--device=cpu"])

    assert status == 1
    assert reason in capsys.readouterr().err


def test_the_latest_state_is_that_of_most_steps(tmp_path):
    files = StateFiles(tmp_path)
    assert files.latest == 0

    files.write(3, {})
    files.write(20, {})

    assert files.latest == 20

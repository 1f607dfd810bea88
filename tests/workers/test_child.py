"""The process that runs a job, as its parent sees it."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.workers.processes import FAKE, wait_until
from workers.child import Child, job_environment
from workers.orders import Ask, Ending, Outcome, line

_SAYS_AND_ENDS = "import sys; sys.stdout.write(sys.argv[1])"


def test_what_it_said_last_is_heard_after_it_has_ended():
    said = line(Outcome(ending=Ending.SUCCEEDED, reason="finished")).decode()
    child = Child(replace(FAKE, child=(sys.executable, "-c", _SAYS_AND_ENDS, said)))
    try:
        wait_until(lambda: child.returncode is not None)
        assert child.outcome is None

        assert not child.is_running()

        assert child.outcome is not None
        assert child.outcome.reason == "finished"
    finally:
        child.end()


def test_one_that_says_nothing_runs_until_it_ends():
    child = Child(replace(FAKE, child=(sys.executable, "-c", "import sys; sys.stdin.read(1)")))
    try:
        assert child.is_running()
        child.ask(Ask.STOP)
        wait_until(lambda: not child.is_running())
        assert child.outcome is None
    finally:
        child.end()


_FAULTS = """
import resource
import torch

for _ in range(40):
    torch.ones(16, 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="settings of glibc")
def test_memory_of_a_large_tensor_is_kept_for_the_next_one():
    command = [sys.executable, "-c", _FAULTS]
    pages = 40 * 16_384

    done = subprocess.run(
        command, env=job_environment(1), capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < pages / 2


def test_what_the_environment_says_about_memory_stays(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")

    assert job_environment(1)["MALLOC_TRIM_THRESHOLD_"] == "7"


def test_threads_that_wait_soon_sleep_unless_the_environment_says_otherwise(monkeypatch):
    usual = job_environment(2)
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")

    assert (usual["OMP_WAIT_POLICY"], usual["GOMP_SPINCOUNT"]) == ("PASSIVE", "20000")
    assert usual["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "8192"
    assert job_environment(2)["GOMP_SPINCOUNT"] == "7"

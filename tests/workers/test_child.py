"""The process that runs a job, as its parent sees it."""

import sys
from dataclasses import replace

from tests.workers.processes import FAKE, wait_until
from workers.child import Child
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

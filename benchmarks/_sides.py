"""The two sides of a comparison, each in a process of its own, as it would be run.

In one process the memory that one side has grown serves the other too.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection

import torch

from workers.child import job_environment

Make = Callable[[], Callable]  # of a module, with partial or without: found there by its name


@contextmanager
def sides(ours: Make, theirs: Make) -> Iterator[tuple[Callable, Callable]]:
    """What asks either side, and waits for its answer.

    Ours runs in the environment that a worker gives its jobs; theirs in the one at hand, but that
    its threads wait as ours do, for a busy machine is to harm both alike.

    Args:
        ours: called in its process; gives what answers there.
        theirs: likewise.
    """
    job = job_environment(torch.get_num_threads())
    plain = {name: job[name] for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    with _side(ours, job) as ask_us, _side(theirs, plain) as ask_them:
        yield ask_us, ask_them


@contextmanager
def _side(make: Make, environment: Mapping[str, str]) -> Iterator[Callable]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_answer, args=(make, there), daemon=True)
    with _environment(environment):
        process.start()
    there.close()

    def ask(question: object) -> object:
        here.send(question)
        return here.recv()

    try:
        yield ask
    finally:
        here.close()
        process.join()


def _answer(make: Make, pipe: Connection) -> None:
    answer = make()
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        pipe.send(answer(question))


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """Have processes that are started in between find these variables."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

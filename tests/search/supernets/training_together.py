"""Trains supernets in the processes that torchrun has started, and keeps what came of them.

Arguments: a file to write, and cases as JSON: name, space, recipe and parameters of each.
"""

import json
import sys
import warnings

import torch

from search.errors import DivergedError
from search.supernets.distributed import together
from search.supernets.processes import ALONE
from tests.search.supernets.test_training import of, spoil_gradients, training

BREAK = 2  # steps before a training that is resumed


def trained(case, processes=ALONE, start=None, steps=None):
    """State and losses after some steps, or all."""
    space, recipe, params = case
    made = training(of(recipe, **params), space, processes=processes, seed=9 if start else 0)
    if start:
        made.load_state_dict(start)
    losses = []
    while not made.is_done and len(losses) != steps:
        losses.append(made.step().losses)
    return {"state": made.state_dict(), "losses": losses}


def resumed(case, processes):
    """The same, from a state that was taken on the way."""
    return trained(case, processes, trained(case, processes, steps=BREAK)["state"])


def diverged_at(processes):
    """The step at which it is noticed that the gradient of the second process alone is spoilt."""
    made = training(of("sandwich"), "elastic_tiny", processes=processes)
    made.step()
    if processes.rank == 1:
        spoil_gradients(made)
    try:
        made.step()
    except DivergedError as error:
        return error.step
    return None


def main():
    file, cases = sys.argv[1:]
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    with together("gloo") as processes:
        found = {
            name: {"whole": trained(case, processes), "resumed": resumed(case, processes)}
            for name, case in json.loads(cases).items()
        }
        found["diverged at"] = diverged_at(processes)
        torch.save(found, f"{file}.{processes.rank}")


if __name__ == "__main__":
    main()

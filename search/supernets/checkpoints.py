"""States of trainings: whether one fits."""

from collections.abc import Mapping
from typing import Any

import torch

from search.errors import DataError
from search.supernets.supernet import Supernet

STATE_VERSION = 3


def require_fit(state: Mapping[str, Any], net: Supernet, num_examples: int) -> None:
    """Refuse the state of another training.

    Args:
        state: of a training.
        net: with as many members as the state has.
        num_examples: to train on.

    Raises:
        DataError: the state is of another version, space, data set or shape.
    """
    if state.get("version") != STATE_VERSION:
        raise DataError(
            f"the checkpoint is of version {state.get('version')!r}, not {STATE_VERSION}"
        )
    if state["space"] != net.name:
        raise DataError(f"the checkpoint is of space {state['space']}, not {net.name}")
    if state["num_examples"] != num_examples:
        raise DataError(
            f"the checkpoint was trained on {state['num_examples']} examples, not {num_examples}"
        )
    ours = {key: tensor.shape for key, tensor in net.state_dict().items()}
    theirs = {key: tensor.shape for key, tensor in state["net"].items()}
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            raise DataError(
                f"the checkpoint does not fit: {key} is {_size(theirs.get(key))} there and "
                f"{_size(ours.get(key))} here"
            )


def _size(shape: torch.Size | None) -> str:
    return "missing" if shape is None else " x ".join(map(str, shape))

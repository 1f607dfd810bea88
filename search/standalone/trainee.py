"""One architecture and its data, to be trained alone."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from search.datasets import Images
from search.standalone.outcome import Steps, Trained
from search.standalone.recipe import Recipe
from search.standalone.session import Session
from search.standalone.states import States


class Trainee:
    """An architecture to be trained alone; one training serves all metrics that ask for it.

    Args:
        build: called with ``num_classes`` and ``generator``; gives the network with its first
            weights.
        images: trained and evaluated on.
        seed: of the first weights, the order of examples and whatever else is drawn.
        device: where to train.
        key: 32 hex digits for a recipe: a hash of everything that decides the training but its
            length.
        data_dir: where interrupted trainings are kept; None keeps none.
    """

    def __init__(
        self,
        build: Callable[..., nn.Module],
        images: Images,
        *,
        seed: int,
        device: torch.device,
        key: Callable[[Recipe], str],
        data_dir: Path | None,
    ) -> None:
        self._build = build
        self._images = images
        self._seed = seed
        self._device = device
        self._key = key
        self._data_dir = data_dir
        self._trained: dict[str, Trained] = {}

    def train(self, recipe: Recipe) -> Steps:
        """Train, and evaluate the last weights; pauses come about every fifth of a second.

        Nothing is drawn from the global generators. Whoever stops listening may go on later
        with a trainee of equal key: at most the epoch that was under way is lost.

        Raises:
            DataError: images are missing or too few.
        """
        name = recipe.model_dump_json()
        if name not in self._trained:
            session = Session(
                self._build, self._images, recipe, seed=self._seed, device=self._device
            )
            states = None
            if self._data_dir is not None:
                states = States(self._data_dir, self._key(recipe), recipe.epochs)
            self._trained[name] = yield from session.train(states)
        return self._trained[name]

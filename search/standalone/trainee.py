"""One architecture and its data, to be trained alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from search.datasets import Images
from search.errors import NotApplicableError
from search.standalone.examples import Places, Split, rest_of, split
from search.standalone.outcome import Steps, Trained
from search.standalone.recipe import Course, FineTuning, Recipe
from search.standalone.session import Session
from search.standalone.states import States


@dataclass(frozen=True)
class Inheritance:
    """Where fine-tuning begins.

    Attributes:
        build: gives the subnet of a supernet with inherited weights, as it is evaluated.
        held_out: places in the training part that the supernet has not seen.
    """

    build: Callable[[], nn.Module]
    held_out: Places


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
        inheritance: where fine-tuning begins; None where there is no supernet.
        keeps_weights: trained weights are kept, for whoever asks for :attr:`network` later.

    Attributes:
        network: of the training that was asked for last; None before the first is done.
    """

    def __init__(  # noqa: PLR0913  # what decides a training
        self,
        build: Callable[..., nn.Module],
        images: Images,
        *,
        seed: int,
        device: torch.device,
        key: Callable[[Course], str],
        data_dir: Path | None,
        inheritance: Inheritance | None = None,
        keeps_weights: bool = False,
    ) -> None:
        self._build = build
        self._images = images
        self._seed = seed
        self._device = device
        self._key = key
        self._data_dir = data_dir
        self._inheritance = inheritance
        self._keeps_weights = keeps_weights
        self._trained: dict[str, tuple[Trained, nn.Module]] = {}
        self.network: nn.Module | None = None

    def train(self, recipe: Recipe) -> Steps:
        """Train, and evaluate the last weights; pauses come about every fifth of a second.

        Nothing is drawn from the global generators. Whoever stops listening may go on later
        with a trainee of equal key: at most the epoch that was under way is lost.

        Raises:
            DataError: images are missing or too few.
        """
        places = split(
            self._images, validation_share=recipe.validation_share, train_size=recipe.train_size
        )
        return (yield from self._carried_out(recipe, self._build, places))

    def fine_tune(self, recipe: FineTuning) -> Steps:
        """As :meth:`train`, from the weights that the architecture has in the supernet.

        Raises:
            NotApplicableError: there is no supernet.
            DataError: images are missing or too few.
        """
        start = self._inheritance
        if start is None:
            raise NotApplicableError("there is no supernet whose weights could be inherited")
        places = rest_of(self._images, start.held_out, train_size=recipe.train_size)
        return (yield from self._carried_out(recipe, lambda **_: start.build(), places))

    def _carried_out(
        self, recipe: Course, build: Callable[..., nn.Module], places: Split
    ) -> Steps:
        name = f"{type(recipe).__name__} {recipe.model_dump_json()}"
        self.network = None
        if name not in self._trained:
            session = Session(
                build,
                self._images,
                recipe,
                places,
                seed=self._seed,
                device=self._device,
                keeps_weights=self._keeps_weights,
            )
            states = None
            if self._data_dir is not None:
                states = States(self._data_dir, self._key(recipe), recipe.epochs)
            trained = yield from session.train(states)
            self._trained[name] = trained, session.network
        trained, self.network = self._trained[name]
        return trained

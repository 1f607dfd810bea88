"""Trainings: values of an architecture that was trained alone, of the kind ``standalone``."""

from collections.abc import Generator
from typing import Any, Protocol

from search.probe import Measurement
from search.registry import Registry
from search.standalone.outcome import Pause
from search.standalone.trainee import Trainee

Steps = Generator[Pause, None, Measurement]


class Training(Protocol):
    """One value of one trained architecture.

    A generator: every pause is a moment at which the run may tell how far it is, or be stopped.
    Its traits are declared with ``search.traits.declares``, its parameters with
    ``search.parameters.takes``.
    """

    def __call__(self, trainee: Trainee, /, *args: Any, **recipe: Any) -> Steps:  # noqa: ANN401
        """Train by ``trainee.train(recipe)``; metrics with equal recipes share the training."""


trainings: Registry[Training] = Registry(__name__)

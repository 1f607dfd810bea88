"""Recipes: how supernets are trained, each a composition of parts.

Keyword arguments of a recipe are its parameters; defaults are the authors' settings, which are
for data sets of the size of CIFAR-10 or ImageNet. Where the authors' code and their paper differ,
the default is the code and a parameter gives the paper's.
"""

from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from search.registry import Registry
from search.spaces import spaces
from search.supernets.mixtures import mixtures
from search.supernets.recipe import Recipe

Epochs = Annotated[int, Field(ge=1, le=10_000)]
BatchSize = Annotated[int, Field(ge=2, le=65_536, description="Images a step.")]
Rate = Annotated[float, Field(gt=0, le=10, description="Learning rate at its highest.")]
LastRate = Annotated[float, Field(ge=0, le=10, description="Learning rate at the end.")]
Decay = Annotated[float, Field(ge=0, le=1, description="Weight decay.")]
Share = Annotated[float, Field(ge=0, lt=1)]
Limit = Annotated[float, Field(ge=0, description="Limit of the gradient; 0 for none.")]
NumMid = Annotated[int, Field(ge=0, le=16, description="Subnets between largest and smallest.")]
Source = Literal["entangled", "per_choice"]


class RecipeMaker(Protocol):
    """Composes a recipe; keyword arguments with defaults are its parameters."""

    def __call__(self, /, *_: Any, **params: Any) -> Recipe:  # noqa: ANN401
        """The recipe."""


recipes: Registry[RecipeMaker] = Registry(__name__)


def unfit_reason(recipe: Recipe, space: str) -> str | None:
    """Why the space of this name cannot be trained by *recipe*, or None when it can."""
    if space not in mixtures:
        return f"there is no supernet of space {space}; there is one of {', '.join(mixtures)}"
    return recipe.unfit_reason(spaces[space])

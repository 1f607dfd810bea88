"""Recipes: how supernets are trained, each a composition of parts.

Keyword arguments of a recipe are its parameters; defaults are the authors' settings, which are
for data sets of the size of CIFAR-10 or ImageNet. Where the authors' code and their paper differ,
the default is the code and a parameter gives the paper's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field

from search.parameters import schema_of
from search.registry import Registry
from search.spaces import spaces
from search.supernets.mixtures import mixtures
from search.supernets.recipe import Recipe
from search.traits import Evidence

Epochs = Annotated[int, Field(ge=1, le=10_000)]
BatchSize = Annotated[int, Field(ge=2, le=65_536, description="Images a step.")]
Rate = Annotated[float, Field(gt=0, le=10, description="Learning rate at its highest.")]
LastRate = Annotated[float, Field(ge=0, le=10, description="Learning rate at the end.")]
Decay = Annotated[float, Field(ge=0, le=1, description="Weight decay.")]
Share = Annotated[float, Field(ge=0, lt=1)]
Limit = Annotated[float, Field(ge=0, description="Limit of the gradient; 0 for none.")]
NumMid = Annotated[int, Field(ge=0, le=16, description="Subnets between largest and smallest.")]
Affine = Annotated[bool, Field(description="Norms learn a scale and a shift.")]
Source = Literal["entangled", "per_choice"]
Optimizer = Annotated[
    Literal["sgd", "adamw"],
    Field(description="sgd is the authors'; adamw suits transformers, with lower learning rates."),
]


class RecipeMaker(Protocol):
    """Composes a recipe; keyword arguments with defaults are its parameters."""

    def __call__(self, /, *_: Any, **params: Any) -> Recipe:  # noqa: ANN401
        """The recipe."""


recipes: Registry[RecipeMaker] = Registry(__name__)

_Maker = TypeVar("_Maker", bound=Callable[..., Recipe])
_ATTRIBUTE = "archfront_origin"


@dataclass(frozen=True)
class Origin:
    """Where the definition of a recipe is from, and how sure it is."""

    source: str
    evidence: Evidence


def comes_from(source: str, *, evidence: Evidence) -> Callable[[_Maker], _Maker]:
    """Say where a recipe is from."""
    origin = Origin(source, evidence)

    def attach(maker: _Maker) -> _Maker:
        setattr(maker, _ATTRIBUTE, origin)
        return maker

    return attach


def origin_of(maker: RecipeMaker) -> Origin:
    """Where a recipe is from; a team's own may leave it open."""
    origin = getattr(maker, _ATTRIBUTE, None)
    return origin if isinstance(origin, Origin) else Origin("", "code")


def unfit_reason(recipe: Recipe, space: str) -> str | None:
    """Why the space of this name cannot be trained by *recipe*, or None when it can."""
    if space not in mixtures:
        return f"there is no supernet of space {space}; there is one of {', '.join(mixtures)}"
    if recipe.node_norms and "node_norms" not in schema_of(mixtures[space])["properties"]:
        return f"the supernet of {space} has no norms at nodes"
    return recipe.unfit_reason(spaces[space])

"""What a plug-in that measures one value declares about that value."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

Direction = Literal["minimize", "maximize"]
Dependency = Literal["network", "data", "dataset", "seed", "environment", "supernet"]
Evidence = Literal["code", "paper", "derived", "reconstruction", "memory"]

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "archfront_traits"


@dataclass(frozen=True, kw_only=True)
class Traits:
    """Declared, not guessed: what the form shows, the memory keys on and the scheduler needs.

    Attributes:
        direction: which way is better for this value as its source defines it.
        unit: shown in table headers and on axes; empty for a bare number.
        equivalence: the coarsest equivalence of a space under which two archs have the same
            value; a space that lacks it falls back to ``exact``.
        depends_on: what besides the arch decides the value. ``data`` covers the batch,
            ``dataset`` all examples, ``supernet`` the trained one (by its digest),
            ``environment`` device type, threads and torch version.
        needs_data: the only sort of data on which the value has a meaning.
        needs_labels: reads the labels of the batch.
        needs_supernet: reads a trained supernet, so that the spec must have one.
        passes: forward and backward passes, in words.
        batch_norm: ``train``, ``eval``, ``off`` or ``none`` (not run).
        dtype: in which the network is run.
        fails_on: known failure cases, in words.
        source: paper or code the definition follows.
        evidence: how sure the definition is: ``code``, ``paper``, ``derived``,
            ``reconstruction`` or ``memory``; the last two are labelled wherever the name shows.
    """

    direction: Direction = "maximize"
    unit: str = ""
    equivalence: str = "exact"
    depends_on: tuple[Dependency, ...] = ("network", "data", "seed", "environment")
    needs_data: Literal["any", "images", "text"] = "any"
    needs_labels: bool = False
    needs_supernet: bool = False
    passes: str = ""
    batch_norm: Literal["train", "eval", "off", "none"] = "train"
    dtype: str = "float32"
    fails_on: str = ""
    source: str = ""
    evidence: Evidence = "code"

    def as_json(self) -> dict[str, Any]:
        """The declaration as the catalogue carries it."""
        return {**asdict(self), "depends_on": list(self.depends_on)}


def declares(**traits: Any) -> Callable[[F], F]:  # noqa: ANN401  # checked by Traits itself
    """Attach traits to a plug-in function; keyword arguments as in :class:`Traits`."""
    declared = Traits(**traits)

    def attach(plugin: F) -> F:
        setattr(plugin, _ATTRIBUTE, declared)
        return plugin

    return attach


def traits_of(plugin: Callable[..., Any]) -> Traits:
    """What *plugin* declares.

    Raises:
        TypeError: it declares nothing.
    """
    traits = getattr(plugin, _ATTRIBUTE, None)
    if not isinstance(traits, Traits):
        raise TypeError(f"{plugin.__module__} declares no traits")
    return traits

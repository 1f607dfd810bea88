"""Chosen architectures, in the order in which they are listed."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from search.errors import SpecError
from search.listing import FORMAT, problem
from search.spaces import Space
from search.strategies import Proposal, Result, strategies

MAX_LISTED = 10_000
PATH = "strategy.params.archs"


@strategies.register
class Listed:
    """Looks at the architectures that are listed, each of them once: to train or score them.

    Raises:
        SpecError: there is none, or a text is no architecture of the space.
    """

    visits_once: ClassVar[bool] = True
    is_independent: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        /,
        *,
        archs: Annotated[
            tuple[Annotated[str, Field(json_schema_extra={"format": FORMAT})], ...],
            Field(
                min_length=1,
                max_length=MAX_LISTED,
                description="Architectures in the space's own text form, as pages show them.",
            ),
        ] = (),
    ) -> None:
        found = {
            f"{PATH}.{place}": why
            for place, text in enumerate(archs)
            if (why := problem(space, text)) is not None
        }
        if found or not archs:
            raise SpecError(found or {PATH: "list at least one architecture"})
        self._archs = list(dict.fromkeys(space.decode(text) for text in archs))
        self._num_listed = len(archs)
        self._next = 0

    @property
    def remark(self) -> str:
        """How many were listed more than once."""
        num_again = self._num_listed - len(self._archs)
        if not num_again:
            return ""
        return (
            f"{num_again:,} of {self._num_listed:,} listed architectures are listed again; each "
            "is looked at once"
        )

    @property
    def is_exhausted(self) -> bool:
        """Every listed arch has been proposed."""
        return self._next >= len(self._archs)

    def ask(self, n: int) -> list[Proposal]:
        """The next of the list."""
        chosen = self._archs[self._next : self._next + n]
        self._next += len(chosen)
        return [Proposal(arch) for arch in chosen]

    def tell(self, results: Sequence[Result]) -> None:
        """Nothing depends on results."""

    def state_dict(self) -> dict[str, Any]:
        """How far it is."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._next = state["next"]

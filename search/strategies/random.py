"""Random search: uniform over the space, without replacement."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from search.spaces import Arch, Space
from search.strategies import Proposal, Result, strategies
from search.strategies._draws import Draws


@strategies.register
class Random:
    """Looks at architectures in a random order, none of them twice."""

    visits_once: ClassVar[bool] = True
    is_independent: ClassVar[bool] = True

    def __init__(self, space: Space, rng: np.random.Generator, /) -> None:
        self._draws = Draws(space, rng)

    def begin_with(self, archs: Sequence[Arch]) -> None:
        """Look at these first, in their order."""
        self._draws.begin_with(archs)

    @property
    def is_exhausted(self) -> bool:
        """Every arch has been proposed."""
        return self._draws.is_exhausted

    def ask(self, n: int) -> list[Proposal]:
        """The next valid archs of the random order."""
        return [Proposal(arch) for arch in self._draws.take(n)]

    def tell(self, results: Sequence[Result]) -> None:
        """Nothing depends on results."""

    def state_dict(self) -> dict[str, Any]:
        """The name of the order, and how far it is in it."""
        return self._draws.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in that order."""
        self._draws.load_state_dict(state)

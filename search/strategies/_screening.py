"""A round of archs that are scored for one objective only, to choose among them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.spaces import Arch
from search.strategies import Proposal, Result
from search.strategies._order import rank
from search.strategies._state import results_as_json, results_from_json


class Screening:
    """Asks for archs, waits for what is told of them, and knows their order.

    Args:
        objective: place of the objective that they are scored for, counted from 0.
    """

    def __init__(self, objective: int) -> None:
        self.objective = objective
        self._to_ask: list[Proposal] = []
        self._num_open = 0
        self._results: list[Result] = []
        self.parents: tuple[int, ...] = ()  # of the archs of the round

    def begin(self, archs: Iterable[Arch], parents: tuple[int, ...] = ()) -> None:
        """Let the round be about these archs; what was before is forgotten."""
        only = (self.objective,)
        self._to_ask = [Proposal(arch, parents, only) for arch in archs]
        self.parents = parents
        self._num_open = len(self._to_ask)
        self._results = []

    @property
    def is_under_way(self) -> bool:
        """Something has not been told yet."""
        return self._num_open > 0

    def ask(self, n: int) -> list[Proposal]:
        """Up to *n* archs of the round that have not been asked for."""
        asked, self._to_ask = self._to_ask[:n], self._to_ask[n:]
        return asked

    def tell(self, results: Sequence[Result]) -> None:
        """Take in what came of archs of the round."""
        self._num_open -= len(results)
        self._results += results

    def ranked(self) -> list[Result]:
        """What is told of the round, best first; what has no value comes last."""
        return sorted(self._results, key=lambda result: rank(result, self.objective))

    def state_dict(self) -> dict[str, Any]:
        """The round, asked, told and still to ask."""
        return {
            "to_ask": [list(proposal.arch) for proposal in self._to_ask],
            "parents": list(self.parents),
            "num_open": self._num_open,
            "results": results_as_json(self._results),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that round."""
        self.begin([tuple(arch) for arch in state["to_ask"]], tuple(state["parents"]))
        self._num_open = state["num_open"]
        self._results = results_from_json(state["results"])

"""An architecture as a mixture: for every decision, weights over its choices.

One-hot is a subnet (SPOS), softmax is DARTS, a hard Gumbel draw is GDAS, a Dirichlet draw DrNAS.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from torch import Tensor

from search.spaces import Arch, Space

Weight = float | Tensor  # a tensor of no dimensions where a gradient is wanted
Term = tuple[int, Weight]  # a choice and its weight


class Mix:
    """Weights over the choices of every decision; choices of weight zero are left out.

    Attributes:
        terms: for every decision its choices of a weight other than zero, ascending.
        choices: for every decision the one choice that it has with the constant weight 1, or
            None where it has several, or one whose weight is a tensor.
    """

    __slots__ = ("choices", "terms")

    def __init__(self, terms: Sequence[Sequence[Term]]) -> None:
        self.terms = tuple(map(tuple, terms))
        self.choices = tuple(map(_only_choice, self.terms))

    @property
    def arch(self) -> Arch | None:
        """The arch of a one-hot mix, None of any other."""
        choices = tuple(choice for choice in self.choices if choice is not None)
        return choices if len(choices) == len(self.choices) else None

    def at(self, place: int, choice: int) -> "Mix":
        """The same with one decision settled."""
        if self.choices[place] == choice:
            return self
        return Mix((*self.terms[:place], ((choice, 1.0),), *self.terms[place + 1 :]))

    def combinations(self, places: Sequence[int]) -> Iterator[tuple[Arch, Weight]]:
        """Every combination of choices at these decisions, and the product of their weights."""
        for terms in product(*(self.terms[place] for place in places)):
            yield tuple(choice for choice, _ in terms), _product([w for _, w in terms])


def onehot(arch: Arch) -> Mix:
    """The mix that is one architecture."""
    return Mix([((choice, 1.0),) for choice in arch])


def mixture(weights: Sequence[Sequence[float] | Tensor]) -> Mix:
    """A mix from one vector for each decision; a tensor's entries keep their gradients.

    Raises:
        ValueError: a decision has no choice of a weight other than zero.
    """
    terms = [[(k, w) for k, w in enumerate(vector) if _is_there(w)] for vector in weights]
    if not all(terms):
        raise ValueError(f"decision {terms.index([])} has no choice of a weight other than zero")
    return Mix(terms)


def counts_of(space: Space) -> tuple[int, ...]:
    """How many choices each decision has."""
    return tuple(len(decision.choices) for decision in space.decisions)


def _only_choice(terms: Sequence[Term]) -> int | None:
    choice, weight = terms[0]
    is_one = len(terms) == 1 and not isinstance(weight, Tensor) and weight == 1
    return choice if is_one else None


def _is_there(weight: Weight) -> bool:
    return (isinstance(weight, Tensor) and weight.requires_grad) or bool(weight != 0)


def _product(weights: Sequence[Weight]) -> Weight:
    result: Weight = 1.0
    for weight in weights:
        result = result * weight
    return result

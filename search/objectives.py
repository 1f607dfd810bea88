"""What the objectives of a search make of scores: order and constraints."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.events import Score
from search.traits import Direction

MISSING_VIOLATION = 1.0  # of a constraint on a value that is not there: as if by its whole size


@dataclass(frozen=True)
class Aim:
    """Where one objective wants to go.

    Attributes:
        at_least: the constraint from below, if any.
        at_most: the constraint from above, if any.
    """

    name: str
    direction: Direction
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_constrained(self) -> bool:
        """There is a bound that values can miss."""
        return self.at_least is not None or self.at_most is not None

    def minimised(self, value: float | None) -> float | None:
        """The value, turned so that lower is better."""
        if value is None or self.direction == "minimize":
            return value
        return -value

    def violation(self, value: float | None) -> float:
        """By how much the value misses its bound, relative to the bound; 0 when it does not.

        The miss itself where the bound is 0.
        """
        if not self.is_constrained:
            return 0.0
        if value is None:
            return MISSING_VIOLATION
        return _relative_miss(value, self.at_least, -1) + _relative_miss(value, self.at_most, 1)

    def miss(self, value: float | None) -> str:
        """How the value misses its bound, in words; empty when it does not."""
        if self.violation(value) == 0:
            return ""
        if value is None:
            return f"{self.name} has no value"
        bound, word = (
            (self.at_least, "below")
            if self.at_least is not None and value < self.at_least
            else (self.at_most, "above")
        )
        assert bound is not None
        return f"{self.name} {value:.6g} is {abs(value - bound):.3g} {word} {bound:.6g}"


def _relative_miss(value: float, bound: float | None, sign: int) -> float:
    if bound is None:
        return 0.0
    excess = sign * (value - bound)
    return max(0.0, excess / abs(bound) if bound else excess)


def total_violation(aims: Sequence[Aim], scores: Sequence[Score]) -> float:
    """Sum over the objectives; 0 when every constraint is met."""
    return sum(aim.violation(score.value) for aim, score in zip(aims, scores, strict=True))


def misses(aims: Sequence[Aim], scores: Sequence[Score]) -> str:
    """Every constraint that is not met, in words."""
    found = (aim.miss(score.value) for aim, score in zip(aims, scores, strict=True))
    return ", ".join(filter(None, found))

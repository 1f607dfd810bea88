"""Tuples of choice indices, whatever they stand for: what spaces of many decisions share."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from search.spaces import Arch, Decision


def arch_at(counts: Sequence[int], index: int) -> Arch:
    """The tuple with this number; the last decision turns fastest.

    Args:
        counts: how many choices each decision has.
        index: from 0 to the product of the counts less one.

    Raises:
        ValueError: the number is outside.
    """
    size = math.prod(counts)
    if not 0 <= index < size:
        raise ValueError(f"index {index} is outside 0 to {size - 1}")
    rest, choices = index, []
    for count in reversed(counts):
        rest, choice = divmod(rest, count)
        choices.append(choice)
    return tuple(reversed(choices))


def index_of(counts: Sequence[int], arch: Arch) -> int:
    """The number of *arch*; inverse of :func:`arch_at`."""
    index = 0
    for count, choice in zip(counts, arch, strict=True):
        index = index * count + choice
    return index


def drawn(counts: Sequence[int], rng: np.random.Generator) -> Arch:
    """Draw every choice uniformly."""
    return tuple(rng.integers(counts).tolist())


def mixed(first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
    """Take each choice from one of two parents."""
    picks = rng.integers(2, size=len(first)).tolist()
    return tuple(b if pick else a for pick, a, b in zip(picks, first, second, strict=True))


def with_choice(arch: Arch, place: int, choice: int) -> Arch:
    """*arch* with another choice at one place."""
    return (*arch[:place], choice, *arch[place + 1 :])


def one_apart(counts: Sequence[int], arch: Arch) -> Iterator[Arch]:
    """Every tuple that differs in one choice."""
    for place, count in enumerate(counts):
        for choice in range(count):
            if choice != arch[place]:
                yield with_choice(arch, place, choice)


def wrong_choice(decisions: Sequence[Decision], arch: Sequence[int]) -> str | None:
    """Why this is no tuple of choices for *decisions*, or None when it is one."""
    if len(arch) != len(decisions):
        return f"an arch has {len(decisions)} choices, not {len(arch)}"
    for decision, choice in zip(decisions, arch, strict=True):
        if type(choice) is not int and not isinstance(choice, np.integer):
            return f"{decision.name}: {choice!r} is not a whole number"
        if not 0 <= choice < len(decision.choices):
            last = len(decision.choices) - 1
            return f"{decision.name}: choice {choice} is outside 0 to {last}"
    return None


def changes(decisions: Sequence[Decision], first: Arch, second: Arch) -> str:
    """What changes, decision by decision, in words."""
    return "; ".join(
        f"{decision.name}: {decision.choices[a]} becomes {decision.choices[b]}"
        for decision, a, b in zip(decisions, first, second, strict=True)
        if a != b
    )


def require_equivalence(space: str, known: Sequence[str], equivalence: str) -> None:
    """Refuse an equivalence that the space does not have.

    Raises:
        ValueError: with the known ones.
    """
    if equivalence not in known:
        names = ", ".join(known)
        raise ValueError(f"no equivalence {equivalence!r} in {space}; known: {names}")

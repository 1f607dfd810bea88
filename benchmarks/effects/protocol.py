"""What a protocol is: arms, and claims about the differences between them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

Measures = dict[str, Any]  # numbers, or lists of them, by name; None where undefined
Results = Mapping[str, Mapping[int, Measures]]  # by arm and seed
Getter = Callable[[Results, int], float | None]  # of one seed
Kind = Literal["comparison", "bound"]


class Bench(Protocol):
    """What an arm may ask for."""

    data: Path | None  # a folder with CIFAR-10 and the published accuracies

    def truth(self, table: str) -> list[float]:
        """Mean accuracy of every architecture of a table when it is trained alone."""


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: unique within the protocol.
        run: called with the bench and a seed; its keywords are the settings.
    """

    name: str
    run: "partial[Measures]"

    @property
    def digest(self) -> str:
        """Changes with the settings, so that results of others are not taken for its own."""
        text = json.dumps([self.run.func.__name__, self.run.keywords], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Term:
    """One side of a claim.

    Attributes:
        label: for people.
        value: of a seed.
    """

    label: str
    value: Getter


@dataclass(frozen=True)
class Claim:
    """The left side is greater than the right.

    Attributes:
        text: what is claimed.
        evidence: where from: P the abstract or README, C the authors' code, R a reading by
            others, M memory, - nowhere in particular, D a question of ours.
        kind: a comparison can come out opposite; a bound is met or not.
    """

    text: str
    evidence: str
    left: Term
    right: Term
    kind: Kind = "comparison"

    def differences(self, results: Results, seeds: tuple[int, ...]) -> list[float]:
        """Left less right of each seed that has both."""
        pairs = [self.pair(results, seed) for seed in seeds]
        return [pair[0] - pair[1] for pair in pairs if pair]

    def pair(self, results: Results, seed: int) -> tuple[float, float] | None:
        """Both sides of one seed; None where one of them is missing or undefined."""
        try:
            left, right = self.left.value(results, seed), self.right.value(results, seed)
        except KeyError:
            return None
        return None if left is None or right is None else (left, right)


@dataclass(frozen=True)
class Effect:
    """A protocol.

    Attributes:
        name: of its files.
        section: number in the list of methods.
        title: the method.
        what: what is trained and measured, in a sentence or two.
        budget: what is equal.
        arms: what is compared.
        claims: about it.
        columns: measures of which the page has means for every arm.
        num_seeds: how many, from 0.
        notes: what a reader has to know besides.
    """

    name: str
    section: int
    title: str
    what: str
    budget: str
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    columns: tuple[str, ...] = ("passes",)
    num_seeds: int = 3
    notes: tuple[str, ...] = field(default=())

    @property
    def seeds(self) -> tuple[int, ...]:
        """Paired: every arm is run with each."""
        return tuple(range(self.num_seeds))


def of(arm: str, measure: str, label: str = "") -> Term:
    """A measure of an arm."""
    return Term(label or f"{arm}: {measure}", lambda results, seed: results[arm][seed][measure])


def number(value: float) -> Term:
    """A bound."""
    return Term(f"{value:g}", lambda _results, _seed: value)

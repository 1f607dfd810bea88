"""A space of independent decisions, for a team's own: say what there is to choose."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node
from search.spaces._choices import (
    arch_at,
    changes,
    drawn,
    index_of,
    mixed,
    one_apart,
    require_equivalence,
    wrong_choice,
)


class ChoiceSpace:
    """Every combination of choices is an architecture, and no two are the same.

    A subclass sets ``decisions`` and writes :meth:`python_source`. It may override the rest, for
    instance to make archs equal that build the same network.

    Attributes:
        decisions: in the order of an arch; names and choices hold no comma and no equals sign.
    """

    decisions: tuple[Decision, ...]

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many choices each decision has."""
        return tuple(len(decision.choices) for decision in self.decisions)

    @cached_property
    def size(self) -> int:
        """The product of the numbers of choices."""
        return math.prod(self.counts)

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Every arch is equal to itself alone."""
        return ("exact",)

    def at(self, index: int) -> Arch:
        """The arch with this number; the last decision turns fastest."""
        return arch_at(self.counts, index)

    def index(self, arch: Arch) -> int:
        """The number of *arch*."""
        return index_of(self.counts, arch)

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw every choice uniformly."""
        return drawn(self.counts, rng)

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The archs with another choice in one decision."""
        return list(one_apart(self.counts, arch))

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Draw one of the neighbours."""
        others = self.neighbours(arch)
        return others[int(rng.integers(len(others)))]

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each choice from one of two parents."""
        return mixed(first, second, rng)

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no tuple of choices."""
        return wrong_choice(self.decisions, arch)

    def encode(self, arch: Arch) -> str:
        """Every decision and its choice, such as ``depth=2, width=16``."""
        pairs = zip(self.decisions, arch, strict=True)
        return ", ".join(f"{decision.name}={decision.choices[c]}" for decision, c in pairs)

    def decode(self, text: str) -> Arch:
        """Read the text form.

        Raises:
            ValueError: says which decision cannot be read.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != len(self.decisions):
            raise ValueError(
                f"an arch has {len(self.decisions)} choices, such as "
                f"{self.encode(self.at(0))!r}: {text[:80]!r}"
            )
        return tuple(_choice(d, part) for d, part in zip(self.decisions, parts, strict=True))

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The text form."""
        return self.encode(self.canonical(arch, equivalence))

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The arch itself."""
        require_equivalence(type(self).__name__, self.equivalences, equivalence)
        return arch

    def drawing(self, arch: Arch) -> Drawing:
        """A chain from input to output with an arrow for every choice."""
        last = len(arch)
        inner = [Node(str(place), "") for place in range(1, last)]
        nodes = (Node("0", "input", "input"), *inner, Node(str(last), "output", "output"))
        edges = (
            Edge(str(place), str(place + 1), f"{decision.name} {decision.choices[c]}", str(c))
            for place, (decision, c) in enumerate(zip(self.decisions, arch, strict=True))
        )
        return Drawing(nodes, tuple(edges), caption=self.encode(arch))

    def edit(self, first: Arch, second: Arch) -> str:
        """Which choices change, from what to what."""
        return changes(self.decisions, first, second)

    def python_source(
        self,
        arch: Arch,
        *,
        shape: tuple[int, int, int],
        num_classes: int,
        params: Mapping[str, object],
    ) -> str:
        """Code of the network that runs without Archfront; see ``search.spaces.Space``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its networks are made")


def _choice(decision: Decision, part: str) -> int:
    name, _, choice = part.partition("=")
    if name.strip() != decision.name or choice.strip() not in decision.choices:
        known = ", ".join(decision.choices)
        raise ValueError(f"{part[:60]!r} is not {decision.name}= and one of: {known}")
    return decision.choices.index(choice.strip())

"""Spaces: sets of architectures with encoding, equivalences and neighbours. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from search.registry import Registry

Arch = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """A point of a drawing: what flows together there."""

    name: str
    label: str
    role: str = "node"  # input, output, node or operation


@dataclass(frozen=True)
class Edge:
    """An operation between two nodes of a drawing."""

    source: str
    target: str
    label: str
    operation: str
    is_dead: bool = False  # does not carry anything from the input to the output


@dataclass(frozen=True)
class Drawing:
    """An architecture as a directed graph, for whoever draws it."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    caption: str = ""


@dataclass(frozen=True)
class Decision:
    """One choice that an architecture makes."""

    name: str
    choices: tuple[str, ...]
    kind: str = "op"
    details: dict[str, object] = field(default_factory=dict)


class Space(Protocol):
    """A set of architectures; an arch is a tuple with one choice index for each decision.

    Stateless: every method is a pure function of its arguments, randomness included.
    """

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What there is to choose, in the order of an arch."""

    @property
    def size(self) -> int:
        """How many architectures there are, by exact encoding."""

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Names of the equivalences, finest first; the first is always ``exact``."""

    def at(self, index: int) -> Arch:
        """The arch with this number, 0 to size - 1; the space's published numbering if any."""

    def index(self, arch: Arch) -> int:
        """The number of *arch*; inverse of :meth:`at`."""

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw one valid arch uniformly."""

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Every valid arch that differs by one edit."""

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Draw one of the neighbours."""

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each decision from one of two parents."""

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no arch of the space, or None when it is one."""

    def encode(self, arch: Arch) -> str:
        """The arch in the text form that the field knows; inverse of :meth:`decode`."""

    def decode(self, text: str) -> Arch:
        """Read the text form.

        Raises:
            ValueError: the text is not an arch of the space; the message says where.
        """

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The same for two archs exactly when they are equal under *equivalence*."""

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The member of the class of *arch* on which shared scores are measured."""

    def drawing(self, arch: Arch) -> Drawing:
        """The arch as a graph."""

    def edit(self, first: Arch, second: Arch) -> str:
        """What changes from *first* to *second*, in words; empty when nothing does."""

    def python_source(
        self,
        arch: Arch,
        *,
        shape: tuple[int, int, int],
        num_classes: int,
        params: Mapping[str, object],
    ) -> str:
        """Code of the network that runs without Archfront.

        Args:
            arch: whose network.
            shape: channels, height and width of one image.
            num_classes: how many outputs.
            params: parameters of the space's network builder.
        """


spaces: Registry[Space] = Registry(__name__)

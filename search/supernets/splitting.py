"""Several sub-supernets instead of one, each for a part of the space.

Few-shot NAS (Zhao et al., 2021, arXiv:2006.06863); gradient matching (Hu et al., 2022,
arXiv:2203.15207).
"""

import copy
from collections.abc import Hashable, Sequence

import torch
from torch import nn

from search.spaces import Arch
from search.supernets.mix import Mix, onehot
from search.supernets.parts import Part, has
from search.supernets.slots import Slot
from search.supernets.sources import Tensors, WeightSource
from search.supernets.sources.partitioned import Partitioned
from search.supernets.supernet import Supernet


class Members(WeightSource):
    """A source for each part of the space, which share nothing.

    Trained with any path sampler, a step changes the members of its architectures alone.

    Args:
        sources: one for each part.
        parts: together the whole space, each architecture once.
    """

    def __init__(self, sources: Sequence[WeightSource], parts: Sequence[Part]) -> None:
        super().__init__()
        self.members = nn.ModuleList(sources)
        self.parts = tuple(parts)
        self._places = [k for k, left in enumerate(zip(*parts, strict=True)) if len(set(left)) > 1]
        self._numbers: dict[Arch, int] = {}

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """Those of the member."""
        return self._member(mix).tensors(slot, mix)

    def place(self, slot: Slot, mix: Mix) -> str:
        """The member's number before the inner place."""
        number = self.number(mix)
        return f"{number}:{self.member(number).place(slot, mix)}"

    def key(self, slot: Slot, mix: Mix) -> Hashable:
        """The member's number and its own key."""
        return self.number(mix), self._member(mix).key(slot, mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Those of the member of a one-hot mix, or of all."""
        if mix is not None:
            return self._member(mix).parameters_of(slot, mix)
        found = (self.member(n).parameters_of(slot) for n in range(len(self.parts)))
        return [parameter for parameters in found for parameter in parameters]

    def member(self, number: int) -> WeightSource:
        """The source of a part."""
        source = self.members[number]
        assert isinstance(source, WeightSource)
        return source

    def number(self, mix: Mix) -> int:
        """The part that has the mix.

        Raises:
            ValueError: it is no single architecture.
        """
        arch = mix.arch
        if arch is None:
            raise ValueError("sub-supernets belong to single architectures, not to mixtures")
        key = tuple(arch[place] for place in self._places)
        if key not in self._numbers:
            self._numbers[key] = next(n for n, part in enumerate(self.parts) if has(part, arch))
        return self._numbers[key]

    def _member(self, mix: Mix) -> WeightSource:
        return self.member(self.number(mix))


def parts_of(net: Supernet) -> tuple[Part, ...]:
    """The parts that have members of their own; none where the supernet is not split."""
    return net.source.parts if isinstance(net.source, Members) else ()


def member_sources(net: Supernet) -> list[WeightSource]:
    """Those of the members, or the one that there is."""
    source = net.source
    if not isinstance(source, Members):
        return [source]
    return [source.member(number) for number in range(len(source.parts))]


def groups_of(net: Supernet, archs: Sequence[Arch]) -> list[int] | None:
    """For each arch the group whose weights it has; None where all share everything.

    A member of a split supernet is a group, whatever its own source does.
    """
    source = net.source
    if isinstance(source, Members):
        return [source.number(onehot(arch)) for arch in archs]
    if isinstance(source, Partitioned):
        return [source.group_of(arch) for arch in archs]
    return None


def view(net: Supernet, source: WeightSource) -> Supernet:
    """The same supernet with another source; nothing is copied."""
    other = copy.copy(net)
    other._modules = dict(net._modules)  # a shallow copy would share this dict
    other.source = source
    return other


def planted(net: Supernet, parts: Sequence[Part]) -> Supernet:
    """A supernet with a member for each part, of which the weights are to be loaded.

    Args:
        net: is not changed; may itself have members.
        parts: as :func:`parts_of` said when the weights were kept; none for no members.
    """
    first = member_sources(net)[0]
    if not parts:
        return view(net, copy.deepcopy(first))
    return view(net, Members([copy.deepcopy(first) for _ in parts], parts))


def split(
    net: Supernet, parts: Sequence[Sequence[Part]], fresh: Sequence[WeightSource] | None = None
) -> list[tuple[int, int]]:
    """Give every part a member, which starts as the member that had the part; changes *net*.

    Args:
        net: may already have members.
        parts: for each member the parts it is split into.
        fresh: the sources of all parts, in order, instead of copies.

    Returns:
        For each new member its own number and that of the one it is a copy of.
    """
    before = member_sources(net)
    origins = [number for number, own in enumerate(parts) for _ in own]
    sources = list(fresh) if fresh else [copy.deepcopy(before[number]) for number in origins]
    net.source = Members(sources, [part for own in parts for part in own])
    return list(enumerate(origins))


def inherit_momenta(
    optimizer: torch.optim.Optimizer,
    before: torch.optim.Optimizer,
    pairs: Sequence[tuple[WeightSource, WeightSource]],
) -> None:
    """Give members the optimiser's state of those they are copies of.

    Args:
        optimizer: of the members; has no state yet.
        before: of what they are copies of.
        pairs: each member and what it is a copy of.
    """
    for member, origin in pairs:
        for ours, theirs in zip(member.parameters(), origin.parameters(), strict=True):
            if theirs in before.state:
                optimizer.state[ours] = copy.deepcopy(before.state[theirs])

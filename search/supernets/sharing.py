"""Who shares what: the policies of Deeper Insights (Zhang et al., 2020, arXiv:2001.01431), code.

Every architecture belongs to one group, and a group has private copies of some layers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from search.seeds import seed_of
from search.spaces import Arch, Space
from search.supernets.mix import counts_of
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker, WeightSource, sources
from search.supernets.sources.partitioned import Partitioned

Policy = Literal["all", "none", "random_groups", "similar_groups", "prefix", "keyword"]


def groups_of(space: Space, num_groups: int, rng: np.random.Generator | None = None) -> list[int]:
    """The group of every arch, by its number in the order of choices.

    Args:
        space: small enough to be listed.
        num_groups: how many; sizes differ by one at most.
        rng: deals the architectures out at random. Without, neighbours in the order of choices
            are in one group; they agree in their first decisions.
    """
    ranks = np.arange(space.size) if rng is None else rng.permutation(space.size)
    return [int(rank) * num_groups // space.size for rank in ranks]


def shared_prefix(num_parts: int) -> Callable[[Slot], bool]:
    """Private is what comes after the stem and the first parts (cells or stages).

    Args:
        num_parts: how many are shared.
    """

    def is_private(slot: Slot) -> bool:
        if slot.part is not None:
            return slot.part >= num_parts
        return not slot.name.startswith("stem")

    return is_private


def shared_keyword(keyword: str, *, is_inverted: bool = False) -> Callable[[Slot], bool]:
    """Private is what does not have the keyword, as its kind or within its name.

    Args:
        keyword: such as ``conv``, ``norm`` or ``entry``.
        is_inverted: private is what has it.
    """

    def is_private(slot: Slot) -> bool:
        return (keyword == slot.kind or keyword in slot.name) == is_inverted

    return is_private


class Dealt(Partitioned):
    """Groups of random architectures; who is in which is kept with the weights.

    They are dealt by a generator of their own, which the seed of the first values seeds: another
    run has other groups, and first values are those of any other groups.

    Args:
        slots: of the supernet.
        generator: draws first values.
        inner: the source of each group.
        space: whose architectures are dealt.
        num_groups: how many.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        generator: torch.Generator,
        /,
        *,
        inner: SourceMaker,
        space: Space,
        num_groups: int,
    ) -> None:
        rng = np.random.default_rng(seed_of(generator.initial_seed(), "groups"))
        self._numbers = groups_of(space, num_groups, rng)
        self._counts = counts_of(space)
        super().__init__(
            slots,
            generator,
            inner=inner,
            num_groups=num_groups,
            group_of=self._number_of,
            is_private=_every_slot,
        )

    def get_extra_state(self) -> Tensor:
        """The group of every arch, by its number."""
        return torch.tensor(self._numbers)

    def set_extra_state(self, state: Tensor) -> None:
        """Inverse of :meth:`get_extra_state`."""
        self._numbers = state.tolist()

    def _number_of(self, arch: Arch) -> int:
        return self._numbers[_number(self._counts, arch)]


def shared_source(  # noqa: PLR0913  # what a policy is
    space: Space,
    policy: Policy,
    *,
    num_groups: int = 1,
    num_parts: int = 0,
    keyword: str = "",
    is_inverted: bool = False,
    inner: str = "per_choice",
) -> SourceMaker:
    """The weight source of a policy.

    Args:
        space: whose architectures share.
        policy: ``all`` is one group; ``none``, ``prefix`` and ``keyword`` have one for each arch.
        num_groups: of ``random_groups`` and ``similar_groups``.
        num_parts: of ``prefix``: how many parts all share, besides the stem.
        keyword: of ``keyword``: layers that have it are shared.
        is_inverted: of ``keyword``: layers that do not have it are.
        inner: the weight source within a group.
    """
    maker = sources[inner]
    if policy == "all":
        return maker
    if policy == "random_groups":
        dealt: partial[Dealt] = partial(Dealt, inner=maker, space=space, num_groups=num_groups)
        return dealt
    count = num_groups if policy == "similar_groups" else space.size
    numbers, counts = groups_of(space, count), counts_of(space)
    is_private: Callable[[Slot], bool] = _every_slot
    if policy == "prefix":
        is_private = shared_prefix(num_parts)
    elif policy == "keyword":
        is_private = shared_keyword(keyword, is_inverted=is_inverted)

    def make(slots: Sequence[Slot], generator: torch.Generator) -> WeightSource:
        return Partitioned(
            slots,
            generator,
            inner=maker,
            num_groups=count,
            group_of=lambda arch: numbers[_number(counts, arch)],
            is_private=is_private,
        )

    return make


def _every_slot(_slot: Slot) -> bool:
    return True


def _number(counts: Sequence[int], arch: Arch) -> int:
    number = 0
    for count, choice in zip(counts, arch, strict=True):
        number = number * count + choice
    return number

"""Partitioned weights: groups of architectures, each with copies of its own of some layers.

Sharing policies of Deeper Insights (Zhang et al., 2020, arXiv:2001.01431), few-shot NAS (Zhao et
al., 2021, arXiv:2006.06863) and gradient matching (Hu et al., 2022, arXiv:2203.15207) are
partitions. What is momentum of a copy is the copy's own, because optimisers keep it by parameter.
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import nn

from search.spaces import Arch
from search.supernets.mix import Mix
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker, Tensors, WeightSource

GroupOf = Callable[[Arch], int]


class Partitioned(WeightSource):
    """Groups of architectures share nothing in private slots, and everything in the others.

    Not in the registry: a recipe knows the groups. Copies start out different, unless
    *starts_equal*.

    Args:
        slots: of the supernet.
        generator: draws first values; those that are shared first, then group by group.
        inner: the source of each part.
        num_groups: how many.
        group_of: the group of an arch, 0 to num_groups - 1.
        is_private: whether every group has the slot for itself.
        starts_equal: every group starts from the first group's values.
    """

    def __init__(  # noqa: PLR0913  # what a partition is
        self,
        slots: Sequence[Slot],
        generator: torch.Generator,
        /,
        *,
        inner: SourceMaker,
        num_groups: int,
        group_of: GroupOf,
        is_private: Callable[[Slot], bool],
        starts_equal: bool = False,
    ) -> None:
        super().__init__()
        private = [slot for slot in slots if is_private(slot)]
        shared = [slot for slot in slots if not is_private(slot)]
        self._private = {slot.name for slot in private}
        self.group_of = group_of
        self.shared = inner(shared, generator)
        self.groups = nn.ModuleList(inner(private, generator) for _ in range(num_groups))
        if starts_equal:
            for group in self.groups:
                group.load_state_dict(self.groups[0].state_dict())

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """Those of the group's source, or of the shared one."""
        return self._part(slot, mix).tensors(slot, mix)

    def place(self, slot: Slot, mix: Mix) -> str:
        """The group's number before the inner place, where the slot is private."""
        inner = self._part(slot, mix).place(slot, mix)
        return f"{self._group(mix)}:{inner}" if slot.name in self._private else inner

    def key(self, slot: Slot, mix: Mix) -> Hashable:
        """The group, where the slot is private, and the inner key."""
        group = self._group(mix) if slot.name in self._private else None
        return group, self._part(slot, mix).key(slot, mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Those of the group of a one-hot mix, or of all groups."""
        if mix is not None or slot.name not in self._private:
            part = self.shared if mix is None else self._part(slot, mix)
            return part.parameters_of(slot, mix)
        return [p for group in self.groups for p in _source(group).parameters_of(slot)]

    def _part(self, slot: Slot, mix: Mix) -> WeightSource:
        if slot.name in self._private:
            return _source(self.groups[self._group(mix)])
        return self.shared

    def _group(self, mix: Mix) -> int:
        arch = mix.arch
        if arch is None:
            raise ValueError("partitioned weights belong to single architectures, not to mixtures")
        return self.group_of(arch)


def _source(module: nn.Module) -> WeightSource:
    assert isinstance(module, WeightSource)
    return module

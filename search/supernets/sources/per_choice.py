"""Weights per choice: every combination of choices that sizes a layer has tensors of its own."""

from collections.abc import Sequence

import torch
from torch import nn

from search.spaces import Arch
from search.supernets.mix import Mix
from search.supernets.slots import Slot
from search.supernets.sources import Tensors, WeightSource, sources, with_tensors
from search.supernets.sources._tensors import Held, hull, module_name, padded


@sources.register
class PerChoice(WeightSource):
    """Tensors of its own for every choice of a layer, as in DARTS and SPOS for operations."""

    def __init__(self, slots: Sequence[Slot], generator: torch.Generator, /) -> None:
        super().__init__()
        self._held: dict[tuple[str, Arch], Held] = {}
        for slot in with_tensors(slots):
            for key, shape in slot.shapes.items():
                held = Held(slot, shape, generator)
                self._held[slot.name, key] = held
                self.add_module(module_name(_place(slot, key)), held)

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """The choice's own; of a mix, the weighted sum, padded with zeros."""
        key = slot.key(mix)
        if key is not None:
            return self._held[slot.name, key].both
        terms = [(self._held[slot.name, k], w) for k, w in mix.combinations(slot.decisions)]
        full = hull([tuple(held.weight.shape) for held, _ in terms])
        weight = sum(w * padded(held.weight, full) for held, w in terms)
        biases = [w * padded(held.bias, full[:1]) for held, w in terms if held.bias is not None]
        assert isinstance(weight, torch.Tensor)
        return weight, torch.stack(biases).sum(0) if biases else None

    def place(self, slot: Slot, mix: Mix) -> str:
        """The slot's name and the choice."""
        key = slot.key(mix)
        return f"{slot.name}@mixed" if key is None else _place(slot, key)

    def key(self, slot: Slot, mix: Mix) -> Arch | None:
        """The choices at the slot's decisions."""
        return slot.key(mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Those of the choice, or of all choices."""
        key = slot.key(mix) if mix else None
        chosen = slot.shapes if key is None else (key,)
        if not slot.is_affine:
            return []
        return [p for k in chosen for p in self._held[slot.name, k].parameter_list]


def _place(slot: Slot, key: Arch) -> str:
    return f"{slot.name}@{'-'.join(map(str, key))}" if key else slot.name

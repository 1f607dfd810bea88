"""Passes in fewer bits; weights and their updates keep float32.

Gradients in float16 vanish unless the loss is scaled up (Micikevicius et al., 2018,
arXiv:1710.03740); bfloat16 has the range of float32 and needs no scaling.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

Precision = Literal["float32", "bfloat16", "float16"]

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Scaling:
    """In which precision passes are run, and by how much their losses are scaled.

    Where a scaled gradient is not finite the step is skipped and the scale is halved; after two
    thousand steps without such a gradient it is doubled.

    Attributes:
        skipped: steps that were skipped.
        in_a_row: of them, the latest, since the last step that was not.
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        self._dtype, self._device = _DTYPES[precision], device
        self.is_scaled = precision == "float16"
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.is_scaled)
        self.skipped = self.in_a_row = 0

    @property
    def scale(self) -> float:
        """Of losses."""
        return float(self._scaler.get_scale())

    def autocast(self) -> torch.autocast:
        """In which forward passes run."""
        is_low = self._dtype is not torch.float32
        return torch.autocast(
            self._device.type, self._dtype if is_low else torch.bfloat16, enabled=is_low
        )

    def scaled(self, loss: Tensor) -> Tensor:
        """What is differentiated."""
        return self._scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer, others: Iterable[Tensor] = ()) -> bool:
        """Make gradients those of the losses; whether they are finite.

        Args:
            optimizer: of the network.
            others: gradients that it does not know of.
        """
        if not self.is_scaled:
            return True
        factor = 1 / self.scale
        self._scaler.unscale_(optimizer)
        for gradient in others:
            gradient.mul_(factor)
        gradients = [p.grad for p in _parameters(optimizer) if p.grad is not None]
        norms = torch.stack(torch._foreach_norm([*gradients, *others]))
        return bool(torch.isfinite(norms).all())

    def step(self, optimizer: torch.optim.Optimizer, *, is_finite: bool) -> None:
        """Change the weights, unless a gradient is not finite."""
        self.skipped += not is_finite
        self.in_a_row = 0 if is_finite else self.in_a_row + 1
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The scale and what it depends on; nothing where there is none."""
        if not self.is_scaled:
            return {}
        return {
            "scaler": dict(self._scaler.state_dict()),
            "skipped": self.skipped,
            "in_a_row": self.in_a_row,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`; does nothing where losses are not scaled."""
        if self.is_scaled and state:
            self._scaler.load_state_dict(dict(state["scaler"]))
            self.skipped, self.in_a_row = int(state["skipped"]), int(state.get("in_a_row", 0))


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]

"""Networks: what builds the torch module of an arch, one builder for each space."""

from typing import Any, Protocol

from torch import nn

from search.registry import Registry
from search.spaces import Arch


class NetworkBuilder(Protocol):
    """Builds the network of one arch, in training mode.

    Called with the keyword arguments ``shape`` (channels, height and width of one image),
    ``num_classes``, ``generator`` (a torch generator on the CPU, from which the weights are
    drawn, so that every device gets equal ones) and ``device`` (on ``meta`` nothing is drawn).
    Keyword arguments with defaults are the builder's parameters.
    """

    def __call__(self, arch: Arch, /, *args: Any, **keywords: Any) -> nn.Module:  # noqa: ANN401
        """A fresh network; nothing is drawn from the global generators."""


networks: Registry[NetworkBuilder] = Registry(__name__)

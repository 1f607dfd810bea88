"""Mixture networks: what builds the supernet of a space, one builder for each space."""

from typing import Any, Protocol

import torch

from search.registry import Registry
from search.supernets.sources import SourceMaker, sources
from search.supernets.supernet import Supernet


class MixtureBuilder(Protocol):
    """Builds the supernet of a space.

    Called with the keyword arguments ``shape`` (channels, height and width of one image),
    ``num_classes``, ``source`` (makes the weight source) and ``generator`` (on the CPU; first
    values are drawn from it). Keyword arguments with defaults are parameters, those of the
    space's network builder.
    """

    def __call__(self, /, *args: Any, **keywords: Any) -> Supernet:  # noqa: ANN401
        """A fresh supernet on the CPU."""


mixtures: Registry[MixtureBuilder] = Registry(__name__)


def build(  # what a supernet is made from
    name: str,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    source: str | SourceMaker = "entangled",
    device: torch.device | None = None,
    **params: object,
) -> Supernet:
    """The supernet of a space, on a device and in the memory format that is fastest there.

    Args:
        name: of the space.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        generator: on the CPU; first values are drawn from it.
        source: a weight source, or the name of one.
        device: where the network is to live; the CPU when left out.
        params: of the space's network builder.
    """
    maker = sources[source] if isinstance(source, str) else source
    net = mixtures[name](
        shape=shape, num_classes=num_classes, source=maker, generator=generator, **params
    )
    device = device or torch.device("cpu")
    net.to(device)
    layout: Any = {"memory_format": net.memory_format(device)}
    net.to(**layout)  # of convolutions' weights alone; the stub does not know it
    return net

"""What is looked at before a supernet is split, batch by batch, so that it can be left between."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from search.supernets.parts import Part, whole
from search.supernets.splitters import Batches, Division, Splitter
from search.supernets.splitting import member_sources, parts_of, view
from search.supernets.supernet import Supernet


class Looking:
    """Looks at batches for the split that is due, of one member after the other.

    Attributes:
        num_before: looks that were taken for splits that are done.
    """

    def __init__(self) -> None:
        self._looks: list[Tensor] = []
        self.num_before = 0

    @property
    def num(self) -> int:
        """Looks that were taken for the split that is due."""
        return len(self._looks)

    def total(self, net: Supernet, splitter: Splitter) -> int:
        """How many it takes."""
        return sum(splitter.num_looks(net.space, part) for part in _parts(net))

    def take(
        self, net: Supernet, splitter: Splitter, batches: Batches, rng: np.random.Generator
    ) -> Tensor | None:
        """One look; None when all have been taken.

        Args:
            net: that is to be split; is not changed.
            splitter: how.
            batches: gives training batches.
            rng: for whatever is drawn.
        """
        number = self.num
        for source, part in zip(member_sources(net), _parts(net), strict=True):
            count = splitter.num_looks(net.space, part)
            if number < count:
                look = splitter.look(view(net, source), part, number, batches, rng)
                self._looks.append(look)
                return look
            number -= count
        return None

    def divisions(
        self, net: Supernet, splitter: Splitter, rng: np.random.Generator
    ) -> list[Division]:
        """What every member is split into, once all looks have been taken; the next are new."""
        looks = iter(self._looks)
        found = [
            splitter(
                net.space, part, list(islice(looks, splitter.num_looks(net.space, part))), rng
            )
            for part in _parts(net)
        ]
        self.num_before += len(self._looks)
        self._looks = []
        return found

    def state_dict(self) -> dict[str, Any]:
        """What was seen, and how much was seen before."""
        return {"looks": [torch.clone(look) for look in self._looks], "num": self.num_before}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self._looks, self.num_before = list(state["looks"]), int(state["num"])


def _parts(net: Supernet) -> tuple[Part, ...]:
    """Of the members that there are."""
    return parts_of(net) or (whole(net.space),)

"""Eight proxies in one pass, against one by one, on a small setting of every other space."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks._one_pass import ALL, compare, ours, row, theirs
from search.networks import networks
from search.passes import all_edges
from search.probe import Batch, Probe
from search.spaces import Arch, spaces


@dataclass(frozen=True)
class Setting:
    """A small network and batch of a space.

    Attributes:
        params: of the network.
        images: in a batch.
        shape: of one; of a text, symbols by length.
        left_out: proxies that the reference does not have for such networks.
        undefined: proxies that are not; the reference makes a score of rounding.
        drawn: which of the architectures that are drawn at random are taken.
        first: the space's first architecture takes their place.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    images: int = 32
    shape: tuple[int, int, int] = (3, 32, 32)
    left_out: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()
    drawn: tuple[int, ...] = (0, 1)
    first: bool = False


SETTINGS = {
    "cell_27": Setting({"channels": 16}, undefined=("jacob_cov",)),
    "cell_64": Setting({"channels": 16}, undefined=("jacob_cov",)),
    "darts": Setting({"channels": 8, "cells": 5}),
    "elastic_tiny": Setting(undefined=("jacob_cov",)),
    "mobile": Setting(images=16, first=True),
    "nasbench101": Setting({"channels": 32, "modules": 1}),
    "nasbench_macro": Setting({"channels": 16, "features": 320}),
    # A recurrent network has no ReLU, and the reference's fisher sees its last step only. The
    # first and the third that are drawn do not read the text.
    "nasbench_nlp": Setting(shape=(65, 1, 35), left_out=("fisher", "nwot"), drawn=(1, 3)),
    # No ReLU either, and the reference's fisher sums over the pixels of maps, not over tokens.
    "vit": Setting(left_out=("fisher", "nwot")),
}


def rows() -> list[dict[str, object]]:
    """Time both on the same random architectures, in turns, and compare every value."""
    return [_row(name, setting) for name, setting in SETTINGS.items()]


def _row(name: str, setting: Setting) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    x_BCHW = torch.randn(setting.images, *setting.shape, generator=generator)
    y_B = torch.randint(0, 10, (setting.images,), generator=generator)
    batch = Batch(x_BCHW, y_B, num_classes=10)
    names = tuple(proxy for proxy in ALL if proxy not in setting.left_out)
    rng = np.random.default_rng(0)
    space = spaces[name]
    drawn = [space.sample(rng) for _ in range(1 + max(setting.drawn))]
    archs = [space.at(0)] if setting.first else [drawn[place] for place in setting.drawn]
    _our_turn(name, setting, archs[0], batch, names)  # what only the first run pays
    timed = [_timed(name, setting, arch, batch, names) for arch in archs]
    params = ", ".join(f"{key} {value}" for key, value in setting.params.items())
    what = (
        f"{len(names)} proxies of one network of {name} ({params or 'as it stands'}), batch "
        f"{setting.images}, both with building it; theirs: a copy of it for each proxy, every "
        f"edge, one by one, in PyTorch's own layout; median of {len(archs)}"
    )
    return row(f"one_pass_{name}", timed, names, what)


def _our_turn(
    name: str, setting: Setting, arch: Arch, batch: Batch, names: tuple[str, ...]
) -> tuple[dict[str, float], float]:
    build = partial(
        networks[name], arch, shape=setting.shape, device=torch.device("cpu"), **setting.params
    )
    values, seconds = ours(Probe(build, batch, seed=0), names)
    return values, sum(seconds.values())


def _timed(
    name: str, setting: Setting, arch: Arch, batch: Batch, names: tuple[str, ...]
) -> dict[str, float]:
    our_values, our_s = _our_turn(name, setting, arch, batch, names)
    start = time.perf_counter()
    net = networks[name](
        arch,
        shape=setting.shape,
        num_classes=10,
        generator=torch.Generator().manual_seed(0),
        device=torch.device("cpu"),
        **setting.params,
    )
    build_s = time.perf_counter() - start
    with all_edges(net):
        their_values, their_s = theirs(net, batch, names)
    compare(spaces[name].encode(arch), our_values, their_values, setting.undefined)
    count = len(names)
    return {f"ours {count}": our_s, f"theirs {count}": build_s + sum(their_s.values())}

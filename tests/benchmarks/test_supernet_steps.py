"""The reference of the supernet benchmarks computes what our supernets compute."""

import numpy as np
import torch

from benchmarks._plain_supernets import PlainElastic, PlainSinglePath
from search.spaces import spaces
from search.spaces.nasbench201 import EDGES, OPERATIONS
from search.supernets.mix import onehot
from search.supernets.mixtures import build


def ours(name, **params):
    generator = torch.Generator().manual_seed(0)
    source = "per_choice" if name == "nasbench201" else "entangled"
    return build(
        name, shape=(3, 16, 16), num_classes=10, generator=generator, source=source, **params
    )


def images():
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def copied(net, slot, module, choice=()):
    weight, bias = net.source._held[slot, choice].both
    module.weight.data.copy_(weight)
    if bias is not None:
        module.bias.data.copy_(bias)


def test_the_plain_single_path_is_our_supernet():
    net, plain = ours("nasbench201", channels=4, cells=1), PlainSinglePath(4, 1)
    copied(net, "stem.0", plain.stem[0])
    copied(net, "stem.1", plain.stem[1])
    for n, layer in enumerate(plain.layers):
        if n % 2:  # a reduction
            for part in "ab":
                block = getattr(layer, f"conv_{part}")
                copied(net, f"layers.{n}.conv_{part}.0", block[1])
                copied(net, f"layers.{n}.conv_{part}.1", block[2])
            copied(net, f"layers.{n}.shortcut", layer.shortcut[1])
            continue
        for i, j in EDGES:
            for choice in (2, 3):
                at = f"layers.{n}.convolutions.{i}-{j}"
                module = layer.edges[f"{i}-{j}"][choice]
                copied(net, f"{at}.0", module[1], (choice,))
                copied(net, f"{at}.1", module[2], (choice,))
    copied(net, "norm", plain.last[0])
    copied(net, "classifier", plain.classifier)
    rng = np.random.default_rng(0)
    assert OPERATIONS[2:4] == ("nor_conv_1x1", "nor_conv_3x3")

    with torch.no_grad():
        for _ in range(4):
            arch = spaces["nasbench201"].sample(rng)
            torch.testing.assert_close(
                net(images(), onehot(arch)), plain(images(), arch), rtol=1e-4, atol=1e-5
            )


def test_the_plain_elastic_network_is_our_supernet():
    net, plain = ours("mobile", resolution=32), PlainElastic(32)
    weights = {"stem.0": plain.stem, "fixed.look": plain.fixed_look, "widen.0": plain.wide}
    weights["fixed.narrow"] = plain.fixed_narrow
    for u, unit in enumerate(plain.units, 1):
        for b, block in enumerate(unit, 1):
            at = f"unit {u} block {b}"
            for part in ("widen", "look", "narrow"):
                weights[f"{at} {part}"] = getattr(block, part)
            for part in ("squeeze", "excite") if block.gate else ():
                held(net, f"{at} {part}", getattr(block.gate, part))
    for name, pair in weights.items():
        held(net, f"{name}.0", pair.conv)
        held(net, f"{name}.1", pair.norm)
    held(net, "mix.0", plain.mix)
    held(net, "classifier", plain.classifier)
    rng = np.random.default_rng(0)

    with torch.no_grad():
        for _ in range(2):
            arch = spaces["mobile"].sample(rng)
            torch.testing.assert_close(
                net(images(), onehot(arch)), plain(images(), arch), rtol=1e-3, atol=1e-4
            )


def held(net, slot, module):
    weight, bias = net.source._held[slot].both
    module.weight.data.copy_(weight)
    if bias is not None:
        module.bias.data.copy_(bias)

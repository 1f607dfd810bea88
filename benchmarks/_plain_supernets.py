"""Supernets as public code writes them: every operation a module, contiguous, chosen by flags.

Written for comparison, in the manner of AutoDL-Projects (single path of NAS-Bench-201) and of
Once-for-All and AttentiveNAS (elastic blocks that slice their weights in forward). Nothing here
is slowed down on purpose: it is the plain form.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.networks._mobile import (
    FEATURES,
    STEM_CHANNELS,
    UNIT_CHANNELS,
    UNIT_STRIDES,
    UNITS_WITH_GATES,
    UNITS_WITH_RELU,
    WIDE_CHANNELS,
    rounded,
)
from search.spaces.mobile import DEPTHS, EXPANSIONS, KERNELS, MAX_DEPTH, WIDTHS
from search.spaces.nasbench201 import EDGES, OPERATIONS


class Zero(nn.Module):
    """The operation none."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul(0.0)


def relu_conv_norm(in_channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Module:
    """As in the benchmark's own code."""
    return nn.Sequential(
        nn.ReLU(inplace=False),
        nn.Conv2d(in_channels, out_channels, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(out_channels, track_running_stats=False),
    )


def candidate(operation: str, channels: int) -> nn.Module:
    """One operation of an edge."""
    if operation == "none":
        return Zero()
    if operation == "skip_connect":
        return nn.Identity()
    if operation == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return relu_conv_norm(channels, channels, 1 if operation == "nor_conv_1x1" else 3)


class PlainCell(nn.Module):
    """All operations on all edges, one of which runs.

    Like forward_urs of AutoDL-Projects' search cells: the chosen operation of every edge runs, a
    ReLU of its own before each convolution, *none* as a product with zero and edges to nowhere
    included; a node is Python's sum.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{i}-{j}": nn.ModuleList(candidate(o, channels) for o in OPERATIONS)
                for i, j in EDGES
            }
        )

    def forward(self, x: Tensor, arch: tuple[int, ...]) -> Tensor:
        nodes = [x]
        for target in (1, 2, 3):
            terms = [
                self.edges[f"{i}-{j}"][arch[place]](nodes[i])
                for place, (i, j) in enumerate(EDGES)
                if j == target
            ]
            nodes.append(sum(terms))
        return nodes[-1]


class PlainReduction(nn.Module):
    """The residual block between stages."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_a = relu_conv_norm(in_channels, out_channels, 3, 2)
        self.conv_b = relu_conv_norm(out_channels, out_channels, 3)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.conv_b(self.conv_a(x))


class PlainSinglePath(nn.Module):
    """The supernet of NAS-Bench-201."""

    def __init__(self, channels: int = 16, cells: int = 5, num_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        layers: list[nn.Module] = []
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                layers.append(PlainReduction(width // 2, width))
            layers.extend(PlainCell(width) for _ in range(cells))
        self.layers = nn.ModuleList(layers)
        self.last = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(4 * channels, num_classes)

    def forward(self, x: Tensor, arch: tuple[int, ...]) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x, arch) if isinstance(layer, PlainCell) else layer(x)
        x = F.adaptive_avg_pool2d(self.last(x), 1)
        return self.classifier(x.flatten(1))


class PlainElasticConv(nn.Module):
    """A convolution and a norm that are sliced in forward."""

    def __init__(
        self, in_channels: int, out_channels: int, size: int, stride: int, *, depthwise: bool
    ) -> None:
        super().__init__()
        self.stride, self.depthwise = stride, depthwise
        self.conv = nn.Conv2d(
            in_channels, out_channels, size, groups=in_channels if depthwise else 1, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, out_channels: int, size: int = 1) -> Tensor:
        full = self.conv.weight.shape[-1]
        start = (full - size) // 2
        weight = self.conv.weight[:out_channels, : 1 if self.depthwise else x.shape[1]]
        weight = weight[:, :, start : start + size, start : start + size].contiguous()
        groups = x.shape[1] if self.depthwise else 1
        y = F.conv2d(x, weight, None, self.stride, size // 2, 1, groups)
        norm = self.norm
        return F.batch_norm(
            y,
            norm.running_mean[:out_channels],
            norm.running_var[:out_channels],
            norm.weight[:out_channels],
            norm.bias[:out_channels],
            True,
            0.0,
            norm.eps,
        )


class PlainGate(nn.Module):
    """Squeeze and excitation, sliced."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, rounded(channels // 4), 1)
        self.excite = nn.Conv2d(rounded(channels // 4), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        inner = rounded(channels // 4)
        y = F.adaptive_avg_pool2d(x, 1)
        y = F.relu(
            F.conv2d(
                y, self.squeeze.weight[:inner, :channels].contiguous(), self.squeeze.bias[:inner]
            )
        )
        y = F.conv2d(
            y, self.excite.weight[:channels, :inner].contiguous(), self.excite.bias[:channels]
        )
        return x * F.hardsigmoid(y)


class PlainBlock(nn.Module):
    """An elastic inverted bottleneck."""

    def __init__(self, unit: int, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        inner = rounded(in_channels * max(EXPANSIONS))
        self.widen = PlainElasticConv(in_channels, inner, 1, 1, depthwise=False)
        self.look = PlainElasticConv(inner, inner, max(KERNELS), stride, depthwise=True)
        self.gate = PlainGate(inner) if unit in UNITS_WITH_GATES else None
        self.narrow = PlainElasticConv(inner, out_channels, 1, 1, depthwise=False)
        self.act = nn.ReLU() if unit in UNITS_WITH_RELU else nn.Hardswish()

    def forward(self, x: Tensor, out_channels: int, kernel: int, expansion: int) -> Tensor:
        inner = rounded(x.shape[1] * expansion)
        y = self.act(self.widen(x, inner))
        y = self.act(self.look(y, inner, kernel))
        if self.gate is not None:
            y = self.gate(y)
        y = self.narrow(y, out_channels)
        return x + y if x.shape == y.shape else y


class PlainElastic(nn.Module):
    """The elastic MobileNetV3."""

    def __init__(self, resolution: int, num_classes: int = 10) -> None:
        super().__init__()
        self.resolution = resolution
        widest = max(WIDTHS)
        stem = rounded(STEM_CHANNELS * widest)
        self.stem = PlainElasticConv(3, stem, 3, 2, depthwise=False)
        self.fixed_look = PlainElasticConv(stem, stem, 3, 1, depthwise=True)
        self.fixed_narrow = PlainElasticConv(stem, stem, 1, 1, depthwise=False)
        channels, units = stem, []
        for unit, (base, stride) in enumerate(zip(UNIT_CHANNELS, UNIT_STRIDES, strict=True)):
            width = rounded(base * widest)
            units.append(
                nn.ModuleList(
                    PlainBlock(unit, width if place else channels, width, 1 if place else stride)
                    for place in range(MAX_DEPTH)
                )
            )
            channels = width
        self.units = nn.ModuleList(units)
        self.wide = PlainElasticConv(
            channels, rounded(WIDE_CHANNELS * widest), 1, 1, depthwise=False
        )
        self.mix = nn.Linear(
            rounded(WIDE_CHANNELS * widest), rounded(FEATURES * widest), bias=False
        )
        self.classifier = nn.Linear(rounded(FEATURES * widest), num_classes)

    def forward(self, x: Tensor, arch: tuple[int, ...]) -> Tensor:
        from search.spaces.mobile import side

        size = (side(arch, self.resolution),) * 2
        if x.shape[2:] != size:
            x = F.interpolate(x, size, mode="bilinear", align_corners=False)
        width = WIDTHS[arch[1]]
        stem = rounded(STEM_CHANNELS * width)
        x = F.hardswish(self.stem(x, stem, 3))
        x = x + self.fixed_narrow(F.relu(self.fixed_look(x, stem, 3)), stem)
        for number, unit in enumerate(self.units):
            choices = arch[2 + 9 * number : 11 + 9 * number]
            for place in range(DEPTHS[choices[0]]):
                kernel, expansion = choices[1 + 2 * place], choices[2 + 2 * place]
                x = unit[place](
                    x,
                    rounded(UNIT_CHANNELS[number] * width),
                    KERNELS[kernel],
                    EXPANSIONS[expansion],
                )
        wide, features = rounded(WIDE_CHANNELS * width), rounded(FEATURES * width)
        x = F.hardswish(self.wide(x, wide))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        x = F.hardswish(F.linear(x, self.mix.weight[:features, :wide]))
        return F.linear(x, self.classifier.weight[:, :features], self.classifier.bias)


def soft_targets(student: Tensor, teacher: Tensor) -> Tensor:
    """Distillation loss as released trainers write it."""
    return torch.sum(-F.softmax(teacher, 1) * F.log_softmax(student, 1), 1).mean()

"""Slots of common layers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

from torch import Tensor

from search.spaces import Arch
from search.supernets.mix import Weight
from search.supernets.slots import Shape, Slot

ConvNorm = tuple[Slot, Slot]


def fixed_conv_norm(  # the shape of a layer
    names: tuple[str, str],
    in_channels: int,
    out_channels: int,
    size: int,
    *,
    strides: tuple[int, ...] = (),
    stride: int = 1,
) -> ConvNorm:
    """A convolution and a norm that no decision changes."""
    shape = (out_channels, in_channels, size, size)
    return (
        Slot(names[0], "conv", {(): shape}, stride=stride, strides=strides),
        Slot(names[1], "norm", {(): (out_channels,)}),
    )


def elastic_conv_norm(  # noqa: PLR0913  # the shape of a layer
    name: str,
    decisions: tuple[int, ...],
    choices: Sequence[Sequence[float]],
    shape: Callable[..., Shape],
    *,
    strides: tuple[int, ...] = (),
    stride: int = 1,
    is_depthwise: bool = False,
    ends_branch: bool = False,
) -> ConvNorm:
    """A convolution ``name.0`` that decisions size, and a norm ``name.1`` behind it.

    Args:
        name: of the pair in the plain network.
        decisions: their places.
        choices: for each decision, the size that each choice stands for.
        shape: of the convolution's weight, called with one size of each decision.
        strides: of the layers up to this one where they are not 1.
        stride: of this one.
        is_depthwise: a convolution channel by channel.
        ends_branch: the norm is the last of a residual branch.
    """
    shapes = shapes_of(choices, shape)
    norms = {key: full[:1] for key, full in shapes.items()}
    return (
        Slot(
            f"{name}.0",
            "conv",
            shapes,
            decisions,
            stride=stride,
            strides=strides,
            is_depthwise=is_depthwise,
        ),
        Slot(f"{name}.1", "norm", norms, decisions, ends_branch=ends_branch),
    )


def shapes_of(
    choices: Sequence[Sequence[float]], shape: Callable[..., Shape]
) -> Mapping[Arch, Shape]:
    """The shape for every combination of choices, given what each choice stands for.

    Args:
        choices: for each decision, the size that each choice stands for.
        shape: called with one size of each decision.
    """
    return {
        key: shape(*(values[k] for values, k in zip(choices, key, strict=True)))
        for key in product(*(range(len(values)) for values in choices))
    }


def weighted(y: Tensor, weight: Weight) -> Tensor:
    """*y* times its weight, which is nearly always the number 1."""
    return y if not isinstance(weight, Tensor) and weight == 1 else y * weight


def added(total: Tensor | None, term: Tensor) -> Tensor:
    """The sum so far, and one more."""
    return term if total is None else total + term

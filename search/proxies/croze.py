"""Consistency under perturbed weights and images (Ha et al., 2023, arXiv:2306.05031, CRoZe)."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from search.passes import gradients_of, layers_of, watched
from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@dataclass(frozen=True)
class _Pass:
    """Gradients by parameter and of the images, and the outputs of every layer."""

    gradients: Mapping[str, Tensor]
    of_images: Tensor
    outputs: Mapping[str, list[Tensor]]


@proxies.register
@declares(
    equivalence="pruned",
    needs_labels=True,
    passes="three forward, three backward",
    fails_on="experimental: the published code was not at hand",
    source="Ha et al. (2023), read in a third party's port only, whose first cosine looks like a "
    "slip; here it compares weights with weights",
    evidence="reconstruction",
)
def croze(
    probe: Probe,
    /,
    *,
    step: Annotated[float, Field(gt=0, le=10)] = 2.0,
    epsilon: Annotated[float, Field(gt=0, le=1)] = 0.01,
) -> float:
    """Sum over layers of the product of how alike weights, gradients and outputs stay.

    The network has absolute weights; its adversary has them moved up the loss, and reads images
    moved up the loss. Images keep within the range of the batch, where the port has 0 to 1.

    Args:
        probe: whose network, images and labels.
        step: how far weights move, relative to their norm.
        epsilon: how far every pixel moves.
    """
    weights = {
        name: p.detach().abs().requires_grad_(p.requires_grad)
        for name, p in probe.parameters.items()
    }
    clean = _passed(probe, weights, probe.x_BCHW)
    low, high = probe.x_BCHW.aminmax()
    moved = (probe.x_BCHW + epsilon * clean.of_images.sign()).clamp(low, high)
    uphill = _passed(probe, weights, moved).gradients
    away = {
        name: _moved(w, uphill[name], step) if name in uphill else w for name, w in weights.items()
    }
    robust = _passed(probe, away, moved)
    return sum(
        _alike(weights[f"{name}.weight"], away[f"{name}.weight"], shift=1)
        * _alike(clean.gradients[f"{name}.weight"], robust.gradients[f"{name}.weight"], shift=0)
        * sum(_outputs_alike(clean.outputs.get(name, []), robust.outputs.get(name, [])))
        for name in probe.weights
    )


def _passed(probe: Probe, parameters: Mapping[str, Tensor], x_BCHW: Tensor) -> _Pass:
    leaf_BCHW = x_BCHW.detach().requires_grad_()
    outputs: dict[str, list[Tensor]] = {}

    def note(name: str, y: Tensor) -> None:
        outputs.setdefault(name, []).append(y.detach())

    with ExitStack() as hooks:
        for name, layer in layers_of(probe.network).items():
            hooks.enter_context(watched(layer, partial(note, name)))
        logits_BK = probe.run(parameters, leaf_BCHW.clone())
    leaves = {name: p for name, p in parameters.items() if p.requires_grad}
    loss = F.cross_entropy(logits_BK, probe.y_B)
    of_images, *gradients = gradients_of(loss, [leaf_BCHW, *leaves.values()])
    return _Pass(dict(zip(leaves, gradients, strict=True)), of_images, outputs)


def _moved(weight: Tensor, gradient: Tensor, step: float) -> Tensor:
    size = float(gradient.norm())
    if weight.ndim < 2 or not size:
        return weight
    moved: Tensor = weight.detach() + step * weight.detach().norm() / size * gradient
    return moved.requires_grad_()


def _alike(first: Tensor, second: Tensor, *, shift: int) -> float:
    """Sum of cosines along the second axis, of 1 + cosine for *shift* 1, of |cosine| for 0."""
    cosines = F.cosine_similarity(first.detach(), second.detach(), dim=1)
    return float((1 + cosines if shift else cosines.abs()).double().sum())


def _outputs_alike(first: Iterable[Tensor], second: Iterable[Tensor]) -> Iterable[float]:
    return (_alike(a, b, shift=1) for a, b in zip(first, second, strict=True))

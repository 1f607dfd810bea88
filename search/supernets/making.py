"""The untrained supernet of a recipe."""

from typing import Any

import torch

from search.seeds import seed_of
from search.spaces import Space, spaces
from search.supernets.mixtures import build
from search.supernets.recipe import Recipe
from search.supernets.sources import SourceMaker, WeightSource, sources
from search.supernets.splitting import view
from search.supernets.supernet import Supernet, fix_norms, zero_branch_ends


def supernet_of(  # what a supernet is made from
    name: str,
    recipe: Recipe,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    device: torch.device | None = None,
    **params: object,
) -> Supernet:
    """The untrained supernet of a space, with the weight source and first values of a recipe.

    Args:
        name: of the space.
        recipe: how it is to be trained.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        seed: of the first values, by which they are equal on every device.
        device: where it is to live; the CPU when left out.
        params: of the space's network builder.
    """
    if recipe.node_norms:
        params["node_norms"] = True
    net = build(
        name,
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(seed_of(seed, "weights")),
        source=source_maker(recipe, spaces[name]),
        device=device,
        **params,
    )
    if recipe.starts_as_identity:
        zero_branch_ends(net)
    return net


def fresh_source(net: Supernet, recipe: Recipe, generator: torch.Generator) -> WeightSource:
    """A weight source for *net* with first values of its own, on its device."""
    source = source_maker(recipe, net.space)(list(net.slots.values()), generator)
    fresh = view(net, source)
    if recipe.starts_as_identity:
        zero_branch_ends(fresh)
    if not recipe.affine_norms:
        fix_norms(fresh)
    device = next(net.parameters()).device
    layout: Any = {"memory_format": net.memory_format(device)}
    return source.to(device).to(**layout)  # of convolutions' weights alone; the stub is wrong


def source_maker(recipe: Recipe, space: Space) -> SourceMaker:
    """What makes the weight source of a recipe."""
    return sources[recipe.source] if isinstance(recipe.source, str) else recipe.source(space)

"""Hashes of a team's own plug-ins that a run rests on."""

from search.datasets import datasets
from search.networks import networks
from search.plugins import foreign_digest
from search.spaces import spaces
from search.spec import Spec
from search.strategies import strategies
from search.supernets.mixtures import mixtures
from search.supernets.recipes import recipes


def own_sources(spec: Spec, *, measures: bool) -> dict[str, str]:
    """By part of the spec; metrics are apart, and what is Archfront's own is left out.

    Args:
        spec: whose names are all known here.
        measures: networks are built, so that their builder and the data count.
    """
    used: dict[str, object] = {
        "space": spaces[spec.space.name],
        "strategy": strategies[spec.strategy.name],
    }
    if measures:
        used |= {"network": networks[spec.space.name], "dataset": datasets[spec.data.name]}
    if spec.supernet is not None:
        used["mixture"] = mixtures[spec.space.name]
        if spec.supernet.recipe is not None:
            used["recipe"] = recipes[spec.supernet.recipe.name]
    sources = {part: foreign_digest(plugin) for part, plugin in used.items()}
    return {part: source for part, source in sources.items() if source}

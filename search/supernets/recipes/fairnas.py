"""FairNAS: strict fairness (Chu et al., 2021, arXiv:1907.01845)."""

from typing import Any

from search.parameters import takes
from search.supernets.paths.fair import FairPermutation
from search.supernets.recipe import Recipe
from search.supernets.recipes import comes_from, recipes
from search.supernets.recipes._plain import PlainSettings, plain_recipe


@recipes.register
@comes_from("Chu et al. (2021), arXiv:1907.01845", evidence="paper")
@takes(PlainSettings)
def fairnas(**settings: Any) -> Recipe:  # noqa: ANN401
    """Every choice of every decision exactly once a step; gradients are summed.

    From its definition; settings are those of spos, so that the two can be compared.
    """
    return plain_recipe(FairPermutation, PlainSettings(**settings))

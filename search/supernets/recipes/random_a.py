"""Random-A: uniform over different networks (Yu et al., 2020, arXiv:2003.04276)."""

from typing import Any

from search.parameters import takes
from search.supernets.paths.random_a import RandomA
from search.supernets.recipe import Recipe
from search.supernets.recipes import comes_from, recipes
from search.supernets.recipes._plain import PlainSettings, plain_recipe


@recipes.register
@comes_from("Yu et al. (2020), arXiv:2003.04276", evidence="memory")
@takes(PlainSettings)
def random_a(**settings: Any) -> Recipe:  # noqa: ANN401
    """One architecture a step, drawn uniformly from the different networks of the space.

    That duplicates are left out is from memory; settings are those of spos.
    """
    return plain_recipe(RandomA, PlainSettings(**settings))

"""SPOS: single path, one shot (Guo et al., 2020, arXiv:1904.00420)."""

from typing import Any

from search.parameters import takes
from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Recipe
from search.supernets.recipes import comes_from, recipes
from search.supernets.recipes._plain import PlainSettings, plain_recipe


@recipes.register
@comes_from("Guo et al. (2020), arXiv:1904.00420; settings of arXiv:2003.04276", evidence="code")
@takes(PlainSettings)
def spos(**settings: Any) -> Recipe:  # noqa: ANN401
    """One architecture a step, every choice drawn uniformly; the baseline of all others.

    Settings follow How to Train Your Super-Net, code.
    """
    return plain_recipe(Uniform, PlainSettings(**settings))

"""Predict values of archs from those that are known: an ensemble of scikit-learn's regressors.

The library is imported when a regressor is fitted, so that nobody else waits for it.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search.spaces import Arch, Space

Floats = NDArray[np.float64]
Model = Literal["forest", "mlp"]

NUM_TREES = 30
MLP_SIZE, MLP_ITERATIONS, MLP_PENALTY = (20, 20), 200, 1e-2


def one_hot(space: Space, archs: Sequence[Arch]) -> Floats:
    """N x F: for each decision of the space a column a choice, 1 where it is made."""
    sizes = [len(decision.choices) for decision in space.decisions]
    firsts_D = np.cumsum([0, *sizes[:-1]])
    columns_ND = firsts_D + np.array(archs)
    features_NF = np.zeros((len(archs), sum(sizes)))
    np.put_along_axis(features_NF, columns_ND, 1.0, axis=1)
    return features_NF


def predictions(
    model: Model, known_NF: Floats, values_N: Floats, wanted_CF: Floats, seed: int
) -> Floats:
    """E x C: what each member of an ensemble predicts for C archs.

    The members of a forest are its trees, each grown on a resample of what is known; those of
    an ``mlp`` ensemble differ in where their training begins.

    Args:
        model: which regressors.
        known_NF: features of N archs with known values.
        values_N: those, at least two of them different.
        wanted_CF: features of the C archs.
        seed: of everything that the regressors draw.
    """
    mean, spread = values_N.mean(), values_N.std()
    targets_N = (values_N - mean) / spread
    members = _forest if model == "forest" else _mlps
    ensemble = members(known_NF, targets_N, seed)
    predicted_EC: Floats = np.stack([member.predict(wanted_CF) for member in ensemble])
    in_units_EC: Floats = predicted_EC * spread + mean
    return in_units_EC


def _forest(known_NF: Floats, targets_N: Floats, seed: int) -> list[Any]:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(NUM_TREES, max_features=0.5, random_state=seed, n_jobs=1)
    return list(forest.fit(known_NF, targets_N).estimators_)


def _mlps(known_NF: Floats, targets_N: Floats, seed: int) -> list[Any]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    members = [
        MLPRegressor(
            hidden_layer_sizes=MLP_SIZE,
            solver="lbfgs",
            alpha=MLP_PENALTY,
            max_iter=MLP_ITERATIONS,
            random_state=(seed + place) % 2**32,
        )
        for place in range(3)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many steps are meant
        return [member.fit(known_NF, targets_N) for member in members]

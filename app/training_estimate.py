"""How long the training of a supernet will take, as far as earlier ones tell."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from db import metrics
from search.catalogue import Catalogue, CheckpointInfo, Plugin
from search.spec import Submission

SPEED = "images per second"
BATCH_SIZE = "batch_size"
NO_TRAINING = ("warmup",)  # epochs of these are a part of the others


def seconds(session: Session, submission: Submission, catalogue: Catalogue) -> float | None:
    """What a training adds: 0 without one, None where nobody has trained the like.

    As long as the newest training of the space by the same recipe on the same data, one of the
    same network before others, times what there is more of epochs.

    Args:
        session: reads.
        submission: that may train a supernet.
        catalogue: has the trained supernets and the recipe's parameters.
    """
    use = submission.supernet
    if use is None or use.recipe is None:
        return 0.0
    recipe = catalogue.plugin("recipe", use.recipe.name)
    same = [
        info
        for info in catalogue.checkpoints
        if (info.space, info.recipe) == (submission.space.name, use.recipe.name)
        and info.dataset == submission.data.name
        and info.is_trained
    ]
    alike = [info for info in same if submission.network.items() <= info.network.items()]
    for info in (*alike, *same):
        took = _took(session, info, recipe)
        if took is not None:
            before = _epochs(info.recipe_params, recipe)
            return took * _epochs(use.recipe.params, recipe) / before
    return None


def _took(session: Session, info: CheckpointInfo, recipe: Plugin | None) -> float | None:
    """Seconds of a training, by its steps and its speed; None where it told none."""
    if info.job_id is None:
        return None
    series = metrics.metrics(session, info.job_id).get(SPEED, [])
    speeds = [speed for _, speed in series if speed]
    if not speeds:
        return None
    a_image = sum(1 / speed for speed in speeds) / len(speeds)
    return info.steps * _number(info.recipe_params, recipe, BATCH_SIZE) * a_image


def _epochs(params: Mapping[str, Any], recipe: Plugin | None) -> float:
    """All epochs of a training, those after splits included; at least one."""
    names = recipe.parameters.get("properties", {}) if recipe else params
    counted = [n for n in names if "epochs" in n and not n.startswith(NO_TRAINING)]
    return max(1.0, sum(_number(params, recipe, name) for name in counted))


def _number(params: Mapping[str, Any], recipe: Plugin | None, name: str) -> float:
    """A parameter as given, else the recipe's own."""
    properties = recipe.parameters.get("properties", {}) if recipe else {}
    default = properties.get(name, {}).get("default", 1)
    return float(params.get(name, default))

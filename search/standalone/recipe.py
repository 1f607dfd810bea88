"""How a network is trained alone, in full: nothing that decides a result is left unsaid.

What is not a parameter holds for every recipe. The loss is the cross entropy. The learning rate
changes with every step, not with every epoch; weight decay applies to every parameter. A last
batch that is not full is used, unless it is a single example. The weights of the last epoch are
the ones that are evaluated, in evaluation mode: no epoch is chosen by its result.
"""

from math import cos, pi
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL = 1  # raise it when trainings give other values: old scores are not reused then


class Course(BaseModel):
    """What every training takes, whatever its first weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="Passes through the training examples.")
    ] = 12
    horizon: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            description="Epochs over which the learning rate falls; 0 is as many as there are. "
            "A longer training goes on from a shorter one of the same horizon.",
        ),
    ] = 0
    batch_size: Annotated[int, Field(ge=2, le=4096)] = 64
    optimizer: Annotated[
        Literal["sgd", "adamw"],
        Field(description="sgd is with Nesterov momentum; adamw decouples the weight decay."),
    ] = "sgd"
    lr: Annotated[float, Field(gt=0, le=10, description="The highest learning rate.")] = 0.1
    schedule: Annotated[
        Literal["cosine", "constant"], Field(description="cosine falls to 0 at the horizon.")
    ] = "cosine"
    warmup_epochs: Annotated[
        float, Field(ge=0, le=1000, description="The learning rate rises over so many first.")
    ] = 0.0
    momentum: Annotated[
        float, Field(ge=0, lt=1, description="Of sgd; the first beta of adamw.")
    ] = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 5e-4
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip_norm: Annotated[
        float, Field(ge=0, description="Largest norm of all gradients together; 0 is any.")
    ] = 0.0
    train_size: Annotated[
        int, Field(ge=0, description="So many training examples at most; 0 is all.")
    ] = 0

    @property
    def num_scheduled(self) -> int:
        """Epochs over which the learning rate falls."""
        return self.horizon or self.epochs

    def prefix(self) -> dict[str, object]:
        """What two trainings share of which the longer can go on from the shorter; JSON."""
        return self.model_dump(exclude={"epochs"}) | {"horizon": self.num_scheduled}


class Recipe(Course):
    """Training from drawn weights."""

    validation_share: Annotated[
        float,
        Field(gt=0, le=0.5, description="Of the training part; held out of training."),
    ] = 0.2


class Augmentation(BaseModel):
    """What is done to training images."""

    crop_padding: Annotated[
        int,
        Field(
            ge=0,
            le=32,
            description="Images get so many black pixels on each side and are cropped anywhere.",
        ),
    ] = 0
    flip: Annotated[
        bool, Field(description="Half of the images are mirrored, left for right.")
    ] = False


class ImageRecipe(Augmentation, Recipe):
    """Training on images: those of the training part may be moved and mirrored."""


class FineTuning(Augmentation, Course):
    """Training that goes on from the weights of a supernet, on what that was trained on.

    What was held out from the supernet is held out here too.
    """

    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="Passes through the training examples.")
    ] = 5
    lr: Annotated[float, Field(gt=0, le=10, description="The highest learning rate.")] = 0.01


class TextRecipe(Recipe):
    """Training on text, by AdamW with clipped gradients."""

    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="Passes through the training stretches.")
    ] = 4
    optimizer: Annotated[
        Literal["sgd", "adamw"],
        Field(description="sgd is with Nesterov momentum; adamw decouples the weight decay."),
    ] = "adamw"
    lr: Annotated[float, Field(gt=0, le=10, description="The highest learning rate.")] = 0.005
    clip_norm: Annotated[
        float, Field(ge=0, description="Largest norm of all gradients together; 0 is any.")
    ] = 1.0


def lr_at(recipe: Course, epoch: float) -> float:
    """The learning rate after so many epochs, with their fraction.

    Cosine without restarts (Loshchilov and Hutter, 2017, eq. 5 with a lowest rate of 0), over
    what the warm-up leaves of the horizon.
    """
    if epoch < recipe.warmup_epochs:
        return recipe.lr * epoch / recipe.warmup_epochs
    if recipe.schedule == "constant":
        return recipe.lr
    length = recipe.num_scheduled - recipe.warmup_epochs
    share = min(1.0, (epoch - recipe.warmup_epochs) / length) if length > 0 else 1.0
    return recipe.lr * (1 + cos(pi * share)) / 2

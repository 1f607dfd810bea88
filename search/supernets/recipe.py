"""A recipe: the parts that a training is composed of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from search.spaces import Space
from search.supernets.aggregation import Aggregation
from search.supernets.examples import Shuffled
from search.supernets.losses import HardLabel, Loss
from search.supernets.noise import DropsIn
from search.supernets.norms import Policy
from search.supernets.paths import PathSampler
from search.supernets.precision import Precision as Precision
from search.supernets.schedules import Schedule, constant
from search.supernets.sources import SourceMaker
from search.supernets.splitters import Splitter
from search.supernets.steps import Role
from search.supernets.supernet import Supernet
from search.supernets.updates import Clip, Optimiser


@dataclass(frozen=True)
class Dropping:
    """Dropout and drop path, and for which passes.

    Attributes:
        dropout: share of the features before the classifier.
        drop_path: greatest share of images that skip a residual branch.
        roles: of the passes that are disturbed.
        drops_in: in which stages branches are skipped.
    """

    dropout: float = 0.0
    drop_path: float = 0.0
    roles: tuple[Role, ...] = ("max",)
    drops_in: DropsIn = "last_two_stages"


@dataclass(frozen=True)
class Phase:
    """More epochs, before which every member is split; several phases may follow each other.

    Attributes:
        splitter: into what.
        epochs: of each member that there is then.
        continues: the schedule goes on; otherwise one of its own begins.
        restarts: members have new first values, and optimisers without a state; otherwise those
            of the member that was split.
    """

    splitter: Splitter
    epochs: int
    continues: bool = False
    restarts: bool = False


@dataclass(frozen=True)
class Recipe:
    """How a supernet is trained, in full.

    Attributes:
        paths: makes the path sampler; it gets the supernet and a generator of its own.
        unfit_reason: why a space cannot be trained this way, or None when it can.
        epochs: how many, before any split.
        batch_size: images a step.
        lr: learning rate, by epochs behind and in all.
        source: the name of a weight source, or what makes one for a space.
        norms: whose statistics normalise.
        affine_norms: norms learn a scale and a shift; otherwise these stay as they are made.
        momentum_of_norms: weight of the newest batch, where statistics are tracked.
        node_norms: every node of a cell has a norm for each set of predecessors that it may have.
        data: makes the data sampler from the number of examples and a generator of its own.
        loss: of each pass.
        dropping: what is dropped.
        optimiser: which.
        clip: limit of the gradients.
        weighs: factor of the loss of a role, by epochs behind and in all.
        aggregation: how gradients of several passes become one.
        sorts_before: epoch before which inner channels are put in the order of their importance;
            None for never.
        starts_as_identity: residual branches start at zero.
        precision: of forward passes; the weights stay float32.
        watches_gradients: reports say the norm of every parameter's gradient.
        phases: what comes after these epochs.
        held_out: share of the examples that is not trained on; some path samplers learn from it.
    """

    paths: Callable[[Supernet, np.random.Generator], PathSampler]
    unfit_reason: Callable[[Space], str | None]
    epochs: int = 1
    batch_size: int = 64
    lr: Schedule = field(default_factory=lambda: constant(0.025))
    source: str | Callable[[Space], SourceMaker] = "entangled"
    norms: Policy = "batch"
    affine_norms: bool = True
    momentum_of_norms: float = 0.1
    node_norms: bool = False
    data: Callable[[int, np.random.Generator], Shuffled] = Shuffled
    loss: Callable[[], Loss] = HardLabel
    dropping: Dropping = field(default_factory=Dropping)
    optimiser: Optimiser = field(default_factory=Optimiser)
    clip: Clip | None = None
    weighs: dict[Role, Schedule] = field(default_factory=dict)
    aggregation: Aggregation = "sum"
    sorts_before: int | None = None
    starts_as_identity: bool = False
    precision: Precision = "float32"
    watches_gradients: bool = False
    phases: tuple[Phase, ...] = ()
    held_out: float = 0.0

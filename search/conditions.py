"""Under which conditions a run measures: what equal scores must have in common."""

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from search.datasets import Images, datasets
from search.errors import SpecError
from search.networks import ConstantOutputs, constant_outputs, networks
from search.parameters import bind
from search.plugins import foreign_digest
from search.probe import Batch, Probe
from search.seeds import seed_of
from search.spaces import Arch, spaces
from search.spec import Spec
from search.standalone.recipe import PROTOCOL as TRAINING_PROTOCOL
from search.standalone.recipe import Course, FineTuning
from search.standalone.trainee import Inheritance, Trainee
from search.supernets.mixtures import mixtures
from search.supernets.recipes import recipes
from search.supernets.trained import TrainedSupernet
from search.traits import Dependency

PROTOCOL = 1  # raise it when the engine measures in another way: old scores are not reused then


@dataclass(frozen=True)
class Conditions:
    """What decides a score besides the arch and the metric, by what a metric may depend on.

    Attributes:
        batch: the one batch that all scores of the run are measured on.
        images: the whole data set, for trainings.
        by_dependency: JSON for ``network``, ``data``, ``dataset``, ``seed``, ``environment`` and
            ``supernet``.
        hardware: the processor or accelerator by name; only costs depend on it.
        further_batch: gives batches of other images, by number from 1.
        constant_outputs: the builder's faster way to outputs under constant weights, if any.
        data_dir: where trainings that are interrupted are kept.
        trained: the supernet whose weights subnets inherit, if the run has one.
    """

    spec: Spec
    batch: Batch
    images: Images
    by_dependency: dict[Dependency, Any]
    hardware: str
    device: torch.device
    build: Callable[..., torch.nn.Module]
    further_batch: Callable[[int], Batch]
    constant_outputs: ConstantOutputs | None = None
    data_dir: Path | None = None
    trained: TrainedSupernet | None = None

    def probe(self, arch: Arch) -> Probe:
        """The network of *arch* and the batch, seeded by what they are."""
        build = partial(self.build, arch)
        return Probe(
            build,
            self.batch,
            seed=self.seed(arch),
            device=self.device,
            constant_outputs=self.constant_outputs and partial(self.constant_outputs, arch),
            further_batch=self.further_batch,
        )

    def trainee(self, arch: Arch) -> Trainee:
        """The network of *arch* and the whole data set, seeded as the probe is."""
        alone: tuple[Dependency, ...] = ("network", "dataset", "seed", "environment")
        key = spaces[self.spec.space.name].key(arch)

        def state_key(recipe: Course) -> str:
            is_tuned = isinstance(recipe, FineTuning)
            decisive = self.relevant((*alone, "supernet") if is_tuned else alone, "standalone")
            content = [decisive, key, type(recipe).__name__, recipe.prefix()]
            text = json.dumps(content, sort_keys=True, separators=(",", ":"))
            return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

        inheritance = None
        if self.trained is not None:
            collapse = partial(self.trained.collapse, arch)
            inheritance = Inheritance(collapse, self.trained.held_out)
        return Trainee(
            partial(self.build, arch),
            self.images,
            seed=self.seed(arch),
            device=self.device,
            key=state_key,
            data_dir=self.data_dir,
            inheritance=inheritance,
            keeps_weights=self.spec.export is not None,
        )

    def seed(self, arch: Arch) -> int:
        """Depends on the spec's seed and the arch, not on when it is looked at."""
        name = self.spec.space.name
        return seed_of(PROTOCOL, self.spec.seed, name, spaces[name].key(arch))

    def described(self) -> dict[str, Any]:
        """All of it, as JSON, for the record."""
        return {
            "protocol": PROTOCOL,
            **{str(k): v for k, v in self.by_dependency.items() if k != "supernet"},
            "hardware": self.hardware,
            "python": platform.python_version(),
            "platform": platform.platform(),
        }

    def relevant(self, dependencies: Sequence[Dependency], kind: str) -> dict[str, Any]:
        """The part of the conditions that a metric with these dependencies is subject to."""
        content: dict[str, Any] = {name: self.by_dependency[name] for name in dependencies}
        if kind == "cost" and "environment" in dependencies:
            content["hardware"] = self.hardware
        if kind == "standalone" or (kind == "supernet" and "seed" in dependencies):
            content["training"] = TRAINING_PROTOCOL
        return {"protocol": PROTOCOL, "space": self.spec.space.name, **content}


def conditions(
    spec: Spec, *, data_dir: Path, device: str, trained: TrainedSupernet | None = None
) -> Conditions:
    """Open the data, draw the batch, and say under which conditions the run measures.

    Args:
        spec: of the run.
        data_dir: where data sets lie.
        device: where to measure.
        trained: the supernet, where there is one.

    Raises:
        DataError: the data set is missing or broken, or smaller than the batch.
        SpecError: a parameter of the network or the data set is wrong.
    """
    place = torch_device(device)
    dataset = datasets[spec.data.name]
    images = dataset(data_dir, **bound("data.params", dataset, spec.data.params))
    batch_seed = seed_of(PROTOCOL, spec.seed, "batch")
    size, num_classes = spec.data.batch_size, images.info.num_classes

    @cache
    def further_batch(place: int) -> Batch:
        rng = np.random.default_rng(batch_seed)
        x_BCHW, y_B = images.further_batch(place, size, rng)
        return Batch(torch.from_numpy(x_BCHW), torch.from_numpy(y_B), num_classes)

    x_BCHW, y_B = images.batch(size, np.random.default_rng(batch_seed))
    builder = networks[spec.space.name]
    params = bound("network", builder, spec.network)
    shape = images.info.shape
    network = {
        "builder": spec.space.name,
        "params": params,
        "shape": shape,
        "classes": num_classes,
    }
    for part, plugin in (("source", builder), ("space_source", spaces[spec.space.name])):
        if source := foreign_digest(plugin):
            network[part] = source
    return Conditions(
        spec=spec,
        images=images,
        batch=Batch(torch.from_numpy(x_BCHW), torch.from_numpy(y_B), num_classes),
        by_dependency={
            "network": network,
            "data": {
                "name": spec.data.name,
                "params": spec.data.params,
                "digest": images.info.digest,
                "batch_size": spec.data.batch_size,
                "batch_seed": batch_seed,
            },
            "dataset": {
                "name": spec.data.name,
                "params": spec.data.params,
                "digest": images.info.digest,
            },
            "seed": spec.seed,
            "environment": environment(place),
            "supernet": _evaluated(trained) if trained else None,
        },
        hardware=hardware(place),
        device=place,
        further_batch=further_batch,
        build=partial(builder, shape=shape, device=place, **params),
        constant_outputs=constant_outputs(builder, torch.from_numpy(x_BCHW), **params),
        data_dir=data_dir,
        trained=trained,
    )


def _evaluated(trained: TrainedSupernet) -> Any:  # noqa: ANN401  # JSON
    """A supernet by its hash, and by whatever of the code that evaluates it is the team's own."""
    info = trained.info
    used = {"mixture": mixtures[info.space], "recipe": recipes[info.recipe]}
    sources = {part: foreign_digest(plugin) for part, plugin in used.items()}
    own = {part: source for part, source in sources.items() if source}
    return {"digest": trained.digest, **own} if own else trained.digest


def bound(field: str, plugin: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of a plug-in, defaults filled in.

    Raises:
        SpecError: one is wrong, with its path below *field*.
    """
    try:
        return bind(plugin, params)
    except SpecError as error:
        raise SpecError({f"{field}.{path}": why for path, why in error.fields.items()}) from None


def torch_device(device: str) -> torch.device:
    """``cpu``, or ``gpu`` and any CUDA name."""
    return torch.device("cuda" if device == "gpu" else device)


def environment(device: torch.device) -> dict[str, Any]:
    """What may change a value in its last digits."""
    return {
        "device": device.type,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


def hardware(device: torch.device) -> str:
    """The name of the processor or accelerator."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {psutil.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())

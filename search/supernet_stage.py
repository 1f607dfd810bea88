"""What a run does before it searches: train a supernet, or read a trained one."""

import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search.conditions import bound, torch_device
from search.datasets import Images, datasets
from search.errors import DataError, DivergedError, RunError, SpecError
from search.evaluation import is_out_of_memory
from search.events import Artifact, Checkpoint, Event, Log, Progress
from search.networks import networks
from search.resuming import checkpoint_of
from search.seeds import seed_of
from search.spec import Choice, Spec, SupernetUse
from search.standalone.examples import Pixels, split
from search.supernets.curves import Curves
from search.supernets.looks import Looks
from search.supernets.making import supernet_of
from search.supernets.processes import ALONE, Alone
from search.supernets.recipe import Recipe
from search.supernets.recipes import recipes, unfit_reason
from search.supernets.state_files import StateFiles
from search.supernets.stored_examples import StoredExamples
from search.supernets.trained import TrainedSupernet, calibration, keep, labelled, load_trained
from search.supernets.training import Training

SHARE = 0.5  # of the progress; how long training and search take is not known beforehand
PAUSE_S = 0.2  # of work between two moments at which the run may be left
CHECKPOINT_S = 2.5  # of work between two states that are kept, unless writing them takes long
MOST_WRITING = 0.1  # share of the time that is spent on writing states
CALIBRATION = (8, 64)  # batches, and images of each, for what is watched
WATCHED_EXAMPLES = 1000  # of those held out that probes are evaluated on, at most

Trained = Generator[Event, None, TrainedSupernet]


def trained_supernet(
    spec: Spec,
    data_dir: Path,
    device: str,
    resume: Mapping[str, Any] | None,
    processes: Alone = ALONE,
) -> Trained:
    """The supernet of a spec, after the events of its training if there is one to be done.

    Where the state of a training that was left is gone or damaged, the training starts over.

    Args:
        spec: that has a supernet.
        data_dir: where data sets, states and artifacts lie.
        device: where it is to live.
        resume: the state of a checkpoint of this run.
        processes: that train it together; the first alone writes files on the way.

    Raises:
        SpecError: the recipe or the checkpoint does not fit.
        DataError: data or the artifact is missing or broken; where several processes train, the
            state that they go on from, too.
        RunError: the training cannot go on; every event before it stands.
    """
    use, place = spec.supernet, torch_device(device)
    assert use is not None
    dataset = datasets[spec.data.name]
    images = dataset(data_dir, **bound("data.params", dataset, spec.data.params))
    if use.checkpoint is not None:
        return _given(spec, use.checkpoint, images, data_dir, place)
    digest = resume.get("supernet") if resume else None
    if digest is None:
        stage = _Stage(spec, use, images, data_dir, place, processes)
        if resume is not None:
            try:
                stage.go_on_from(resume["training"])
            except DataError as error:
                if processes is not ALONE:  # a person is there, and the state may be mended
                    raise DataError(f"{error}; without that file it goes on before it") from None
                yield Log("warning", f"{error}; the training starts over from the beginning")
                stage = _Stage(spec, use, images, data_dir, place)  # of another key
        digest = (yield from stage.events()).digest
    return load_trained(data_dir, digest, images, place)


def _given(
    spec: Spec, digest: str, images: Images, data_dir: Path, device: torch.device
) -> TrainedSupernet:
    try:
        trained = load_trained(data_dir, digest, images, device)
    except DataError as error:
        raise SpecError({"supernet.checkpoint": str(error)}) from None
    info = images.info
    reason = trained.info.misfit(
        space=spec.space.name,
        network=bound("network", networks[spec.space.name], spec.network),
        dataset=spec.data.name,
        shape=info.shape,
        num_classes=info.num_classes,
        dataset_digest=info.digest,
    )
    if reason is not None:
        raise SpecError({"supernet.checkpoint": reason})
    return trained


class _Stage:
    """A training under way.

    Args:
        spec: of the run.
        use: what it says of the supernet.
        images: the data set.
        data_dir: where states and artifacts lie.
        device: where to train.
        processes: that train together.
    """

    def __init__(  # where and what to train
        self,
        spec: Spec,
        use: SupernetUse,
        images: Images,
        data_dir: Path,
        device: torch.device,
        processes: Alone = ALONE,
    ) -> None:
        assert use.recipe is not None
        self._spec, self._data_dir, self._device = spec, data_dir, device
        self._params, recipe = _recipe(use.recipe, spec.space.name)
        self._network = bound("network", networks[spec.space.name], spec.network)
        self._images = images
        self._seed = seed_of(spec.seed, "supernet")
        parts = split(images, validation_share=use.validation_share)
        self._held_out = np.sort(parts.validation)
        pixels = Pixels(images, images.train, device)
        self._reading = pixels.hold()
        examples = StoredExamples(
            pixels, np.sort(parts.train), crop_padding=use.crop_padding, flip=use.flip
        )
        try:
            net = supernet_of(
                spec.space.name,
                recipe,
                shape=images.info.shape,
                num_classes=images.info.num_classes,
                seed=self._seed,
                device=device,
                **self._network,
            )
            self._training = Training(net, recipe, examples, seed=self._seed, processes=processes)
        except ValueError as error:  # of what only the built network knows
            raise RunError(f"the supernet cannot be trained: {error}") from error
        self._curves = Curves(self._training)
        self._looks = Looks(
            self._training,
            probes=use.probes,
            looks=use.looks,
            looks_at_end=use.looks_at_end,
            steps_at_end=use.steps_at_end,
            calibration=calibration(images, self._held_out, *CALIBRATION, device),
            held_out=labelled(images, device, parts.validation[:WATCHED_EXAMPLES]),
        )
        self._files = StateFiles(data_dir)
        steps = self._training.num_steps
        self._kept_after = {round(steps * (n + 1) / (use.kept + 1)) for n in range(use.kept)}
        self._writes = processes.rank == 0
        self._kept_step = 0
        self._began = time.monotonic()
        self._first_step = 0

    def go_on_from(self, state: Mapping[str, Any]) -> None:
        """Stand where a checkpoint was made.

        Raises:
            DataError: its state is missing or damaged.
        """
        self._files = StateFiles(self._data_dir, state["key"])
        self._kept_step = state["step"]
        if self._kept_step:
            kept = self._files.read(self._kept_step)
            try:
                self._training.load_state_dict(kept["training"])
                self._curves.load_state_dict(kept["curves"])
                self._looks.load_state_dict(kept["looks"])
                self._first_step = self._training.steps_done
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DataError(
                    f"the state of the training after {self._kept_step:,} steps is damaged: "
                    f"{type(error).__name__} {error}"
                ) from error

    def events(self) -> Generator[Event, None, Artifact]:
        """Train to the end, and keep the supernet.

        Raises:
            RunError: the training diverged, or memory is short.
        """
        yield self._checkpoint()
        for _ in self._reading:
            yield self._progress("reading images")
        try:
            yield from self._steps()
        except DivergedError as error:
            yield self._checkpoint()  # so that what was told since the last one is kept
            raise RunError(str(error)) from error
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            yield self._checkpoint()
            raise RunError(
                f"out of memory at step {self._training.steps_done}: use smaller batches or "
                "networks"
            ) from error
        artifact = self._kept()
        if self._writes:
            self._files.finish()
        yield artifact
        yield Log(
            "info",
            f"the supernet is trained: {self._training.num_steps:,} steps; checkpoint "
            f"{artifact.digest}, {artifact.size / 1e6:,.1f} MB",
        )
        return artifact

    def _steps(self) -> Iterator[Event]:
        """All steps that are left; a run can be left at every event."""
        clock = _Clock()
        while not self._training.is_done:
            yield from self._splitting(clock)
            report = self._training.step()
            self._curves.note(report)
            self._looks.note(report)
            yield from self._curves.points(report)
            began = time.perf_counter()
            for told in self._looks.after(report):
                if told is not None:
                    yield told
                elif clock.is_time_to_pause():
                    yield self._progress("looking at subnets")
            self._curves.leave_out(time.perf_counter() - began)
            if clock.is_time_to_pause():
                yield self._progress()
            if self._writes and not self._training.is_done:
                yield from self._written(clock)

    def _written(self, clock: "_Clock") -> Iterator[Event]:
        """What is kept after a step that is not the last: a checkpoint for others, a state."""
        is_kept = self._training.steps_done in self._kept_after
        if is_kept:
            yield self._kept()
        if is_kept or clock.is_time_to_write():
            yield from self._state_kept(clock)

    def _splitting(self, clock: "_Clock") -> Iterator[Event]:
        """Whatever has to be looked at before the next step, batch by batch."""
        while self._training.is_splitting:
            seen, total = self._training.looks
            self._training.split_on()
            if clock.is_time_to_pause():
                yield self._progress(f"splitting it: {seen:,} of {total:,} batches seen")
            if self._writes and clock.is_time_to_write():
                yield from self._state_kept(clock)

    def _state_kept(self, clock: "_Clock") -> Iterator[Checkpoint]:
        """A state, and the checkpoint that names it."""
        clock.wrote(self._write())
        yield self._checkpoint()
        self._files.forget_old()

    def _write(self) -> float:
        """Keep the state, so that a checkpoint can name it; seconds that it took."""
        began, step = time.monotonic(), self._training.moments_done
        state = {
            "training": self._training.state_dict(),
            "curves": self._curves.state_dict(),
            "looks": self._looks.state_dict(),
        }
        self._files.write(step, state)
        self._kept_step = step
        return time.monotonic() - began

    def _checkpoint(self) -> Checkpoint:
        return checkpoint_of(
            self._spec, training={"key": self._files.key, "step": self._kept_step}
        )

    def _progress(self, text: str = "") -> Progress:
        """How far the training is; the time left is the training's alone."""
        training = self._training
        done, steps = training.steps_done, training.num_steps
        taken, gained = time.monotonic() - self._began, done - self._first_step
        eta_s = taken / gained * (steps - done) if gained else None
        told = f"training the supernet: step {done:,} of {steps:,}"
        return Progress(SHARE * done / steps, eta_s, f"{told}; {text}" if text else told)

    def _kept(self) -> Artifact:
        spec, info = self._spec, self._images.info
        described = {
            "space": spec.space.name,
            "network": self._network,
            "shape": list(info.shape),
            "num_classes": info.num_classes,
            "dataset": spec.data.name,
            "dataset_params": spec.data.params,
            "dataset_digest": info.digest,
            "recipe": spec.supernet.recipe.name if spec.supernet and spec.supernet.recipe else "",
            "recipe_params": self._params,
            "seed": self._seed,
        }
        done = self._training.steps_done
        stage = "" if self._training.is_done else f"-step-{done}"
        name = f"{described['recipe']}-{spec.space.name}{stage}.safetensors"
        return keep(
            self._data_dir, self._training, held_out=self._held_out, info=described, name=name
        )


class _Clock:
    """When to let others speak, and when to keep a state."""

    def __init__(self) -> None:
        self._paused_at = self._wrote_at = time.monotonic()
        self._wait_s = CHECKPOINT_S

    def is_time_to_pause(self) -> bool:
        """Once for every pause that is due."""
        now = time.monotonic()
        is_due = now - self._paused_at >= PAUSE_S
        if is_due:
            self._paused_at = now
        return is_due

    def is_time_to_write(self) -> bool:
        """Enough has been done since the last state was kept."""
        return time.monotonic() - self._wrote_at >= self._wait_s

    def wrote(self, seconds: float) -> None:
        """A state has been kept, which took so long."""
        self._wrote_at = time.monotonic()
        self._wait_s = max(CHECKPOINT_S, seconds / MOST_WRITING)


def _recipe(choice: Choice, space: str) -> tuple[dict[str, Any], Recipe]:
    """All parameters of a recipe, and the recipe.

    Raises:
        SpecError: there is no such recipe, a parameter is wrong, or it cannot train the space.
    """
    path = "supernet.recipe"
    if choice.name not in recipes:
        known = ", ".join(recipes)
        raise SpecError({f"{path}.name": f"there is no recipe {choice.name!r}; known: {known}"})
    maker = recipes[choice.name]
    params = bound(f"{path}.params", maker, choice.params)
    recipe = maker(**params)
    reason = unfit_reason(recipe, space)
    if reason is not None:
        raise SpecError({f"{path}.name": f"{choice.name} cannot train {space}: {reason}"})
    return params, recipe

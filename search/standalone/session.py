"""The loop: epochs of batches, an evaluation after each, a state to go on from.

Shapes: B images, C channels, H height, W width, K classes.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.datasets import Images
from search.layout import laid_out, memory_format_for
from search.passes import forked
from search.seeds import seed_of
from search.standalone.examples import Pixels, Places, Split, batches, cropped, flipped
from search.standalone.outcome import Evaluation, Pause, Steps, Trained
from search.standalone.recipe import Augmentation, Course, lr_at
from search.standalone.states import State, States
from search.standalone.updates import Updates

EVALUATION_BATCH = 256
PAUSE_S = 0.2  # of work between two pauses, if batches are not longer


@dataclass
class _Progress:
    """How far a training is, apart from the network."""

    epoch: int = 0
    seconds: float = 0.0
    resumed_after: list[int] = field(default_factory=list)
    curve: dict[str, list[float]] = field(default_factory=dict)
    diverged_in: int | None = None


class Session:
    """One training under way.

    Args:
        build: called with ``num_classes`` and ``generator``; gives the network to train.
        images: trained and evaluated on.
        recipe: how.
        places: in the training part, to train on and held out.
        seed: of the first weights and whatever else is drawn.
        device: where.
        keeps_weights: the state of the finished training has the weights, so that
            :attr:`network` is there again.
    """

    def __init__(  # noqa: PLR0913  # what decides a training
        self,
        build: Callable[..., nn.Module],
        images: Images,
        recipe: Course,
        places: Split,
        *,
        seed: int,
        device: torch.device,
        keeps_weights: bool = False,
    ) -> None:
        self._recipe = recipe
        self._keeps_weights = keeps_weights
        self._seed = seed
        self._device = device
        self._split = places
        self._train = Pixels(images, images.train, device)
        self._test = Pixels(images, images.test, device)
        self._test_places = np.arange(images.info.num_test)
        generator = torch.Generator().manual_seed(seed)
        net = build(num_classes=images.info.num_classes, generator=generator).to(device).train()
        self._format = memory_format_for(net, device)
        self._net: nn.Module = net.to(memory_format=self._format)  # type: ignore[call-overload]
        self._updates = Updates(list(self._net.parameters()), recipe)
        self._progress = _Progress()
        self._since = time.perf_counter()
        self._pause_at = time.monotonic() + PAUSE_S

    def train(self, states: States | None) -> Steps:
        """Go on from the latest state, if there is one, to the last epoch; then evaluate."""
        found = states.latest() if states else None
        if found is not None and self._serves(found):
            self._load(found)
            if "result" in found and found["epoch"] == self._recipe.epochs:
                return self._outcome(found["result"])
        yield from self._hold(self._train)
        while self._progress.epoch < self._recipe.epochs and not self._has_diverged:
            yield from self._epoch()
            if states and self._progress.epoch < self._recipe.epochs:
                states.write(self._state())
            yield self._pause(is_epoch_end=True)
        yield from self._hold(self._test)
        test = Evaluation()
        if not self._has_diverged:
            test = yield from self._evaluation(self._test, self._test_places)
        if states:
            states.finish({**self._state(), "result": asdict(test)})
        return self._outcome(asdict(test))

    @property
    def network(self) -> nn.Module:
        """As it has been trained so far, in training mode."""
        return self._net

    def _serves(self, state: State) -> bool:
        """Whether to go on from a state; one without weights does not give any."""
        is_whole = "network" in state or state["progress"]["diverged_in"] is not None
        return is_whole or not self._keeps_weights

    @property
    def _has_diverged(self) -> bool:
        return self._progress.diverged_in is not None

    def _epoch(self) -> Generator[Pause, None, None]:
        """All training examples once, in an order that depends on seed and epoch alone."""
        progress, recipe = self._progress, self._recipe
        rng = np.random.default_rng(seed_of(self._seed, "epoch", progress.epoch))
        pieces = batches(self._split.train, recipe.batch_size, rng)
        sums_2 = torch.zeros(2, dtype=torch.float64, device=self._device)
        for place, piece in enumerate(pieces):
            lr = lr_at(recipe, progress.epoch + place / len(pieces))
            sums_2 += self._step(piece, lr, rng)
            if time.monotonic() >= self._pause_at:
                yield self._pause((place + 1) / len(pieces))
        loss, share = (sums_2 / sum(map(len, pieces))).tolist()
        progress.epoch += 1
        validation = Evaluation()
        if isfinite(loss):
            validation = yield from self._evaluation(self._train, self._split.validation)
        if isfinite(validation.loss):
            self._note(loss, 100 * share, validation)
        else:
            progress.diverged_in = progress.epoch

    def _step(self, places: Places, lr: float, rng: np.random.Generator) -> Tensor:
        """One update; sum of losses and number of right answers before it."""
        raw_BCHW = self._train.raw(places)
        if isinstance(self._recipe, Augmentation):
            raw_BCHW = augmented(raw_BCHW, self._recipe, rng)
        x_BCHW = self._laid_out(self._train.normalised(raw_BCHW))
        y_B = self._train.labels(places)
        with forked(int(rng.integers(2**63)), self._device):
            logits_BK = self._net(x_BCHW)
            loss = F.cross_entropy(logits_BK, y_B, label_smoothing=self._recipe.label_smoothing)
            loss.backward()
        self._updates.step(lr)
        right = (logits_BK.detach().argmax(1) == y_B).sum()
        return torch.stack([loss.detach() * len(places), right]).double()

    def _evaluation(self, pixels: Pixels, places: Places) -> Generator[Pause, None, Evaluation]:
        """In evaluation mode: norms as they have averaged, nothing dropped."""
        sums_2 = torch.zeros(2, dtype=torch.float64, device=self._device)
        for piece in batches(places, EVALUATION_BATCH):
            sums_2 += self._evaluated(pixels, piece)
            if time.monotonic() >= self._pause_at:
                yield self._pause()
        loss, share = (sums_2 / len(places)).tolist()
        return Evaluation(accuracy=100 * share, loss=loss) if isfinite(loss) else Evaluation()

    def _evaluated(self, pixels: Pixels, places: Places) -> Tensor:
        x_BCHW, y_B = pixels.at(places)
        self._net.eval()
        with torch.no_grad(), forked(self._seed, self._device):
            logits_BK = self._net(self._laid_out(x_BCHW))
        self._net.train()
        loss = F.cross_entropy(logits_BK, y_B, reduction="sum")
        return torch.stack([loss, (logits_BK.argmax(1) == y_B).sum()]).double()

    def _hold(self, pixels: Pixels) -> Generator[Pause, None, None]:
        for _ in pixels.hold():
            if time.monotonic() >= self._pause_at:
                yield self._pause()

    def _laid_out(self, x_BCHW: Tensor) -> Tensor:
        return laid_out(x_BCHW, self._format)

    def _pause(self, part: float = 0.0, *, is_epoch_end: bool = False) -> Pause:
        self._pause_at = time.monotonic() + PAUSE_S
        done, epochs = self._progress.epoch, self._recipe.epochs
        return Pause(done, epochs, min(1.0, (done + part) / epochs), is_epoch_end)

    def _note(self, loss: float, accuracy: float, validation: Evaluation) -> None:
        """Add an epoch to the curve."""
        curve = self._progress.curve
        curve.setdefault("loss", []).append(loss)
        curve.setdefault("accuracy", []).append(accuracy)
        curve.setdefault("validation_loss", []).append(validation.loss)
        curve.setdefault("validation_accuracy", []).append(validation.accuracy)

    def _state(self) -> State:
        """Where another session goes on; without weights when no training can."""
        now = time.perf_counter()
        self._progress.seconds += now - self._since
        self._since = now
        state: State = {"epoch": self._progress.epoch, "progress": asdict(self._progress)}
        is_open = self._progress.epoch < self._recipe.num_scheduled
        if (is_open or self._keeps_weights) and not self._has_diverged:
            state["network"] = dict(self._net.state_dict())
        if is_open and not self._has_diverged:
            state["updates"] = self._updates.state()
        return state

    def _load(self, state: State) -> None:
        self._progress = _Progress(**state["progress"])
        if "network" in state:
            self._net.load_state_dict(state["network"])
        if "updates" in state:
            self._updates.load(state["updates"])
        self._progress.resumed_after.append(self._progress.epoch)

    def _outcome(self, test: dict[str, Any]) -> Trained:
        progress = self._progress
        curve = progress.curve
        validation = Evaluation()
        if not self._has_diverged:
            last = {name: values[-1] for name, values in curve.items()}
            validation = Evaluation(last["validation_accuracy"], last["validation_loss"])
        return Trained(
            validation=validation,
            test=Evaluation(**test),
            diverged_in=progress.diverged_in,
            seconds=progress.seconds + time.perf_counter() - self._since,
            resumed_after=tuple(progress.resumed_after),
            num_examples={
                "train": len(self._split.train),
                "validation": len(self._split.validation),
                "test": len(self._test_places),
            },
            curve=curve,
        )


def augmented(raw_BCHW: Tensor, recipe: Augmentation, rng: np.random.Generator) -> Tensor:
    """Images moved and mirrored as the recipe says."""
    if recipe.crop_padding:
        raw_BCHW = cropped(raw_BCHW, recipe.crop_padding, rng)
    return flipped(raw_BCHW, rng) if recipe.flip else raw_BCHW

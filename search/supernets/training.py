"""The one loop that trains a supernet, whatever the recipe.

Shapes: B images, C channels, H height, W width, K classes.
"""

import copy
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from search.errors import DivergedError
from search.seeds import seed_of
from search.spaces import Space
from search.supernets.channels import sort_inner_channels
from search.supernets.checkpoints import STATE_VERSION, require_fit
from search.supernets.examples import Chosen, Examples, Places
from search.supernets.looking import Looking
from search.supernets.making import fresh_source
from search.supernets.norms import NormPolicy
from search.supernets.passes import Passes
from search.supernets.processes import ALONE, Alone
from search.supernets.recipe import Phase, Recipe
from search.supernets.sources import WeightSource
from search.supernets.sources._drawn_channels import drawn_channels
from search.supernets.splitting import (
    inherit_momenta,
    member_sources,
    parts_of,
    planted,
    split,
)
from search.supernets.steps import Labelled, Moment, Report
from search.supernets.supernet import Supernet, fix_norms
from search.supernets.timeline import Span, Spot, Timeline
from search.supernets.updates import clipped

CHECK_EVERY = 20  # steps; asking more often would make the processor wait for the accelerator


class Training:
    """A supernet, and everything that its next step depends on.

    Every part draws from a generator of its own, seeded by the part's name, so that one part
    never changes what another draws. With an equal seed, on one device type, thread count and
    torch version, equal recipes give equal weights, whether or not the training was interrupted.

    Args:
        net: from :func:`supernet_of`, with the first values of the recipe.
        recipe: how to train.
        examples: on what; on the device of the network.
        seed: of everything that is drawn from now on.
        processes: that train the same together; each is given all examples.

    Raises:
        ValueError: the recipe does not fit the space, or there are fewer than two examples, or
            not one for each process.
    """

    def __init__(
        self,
        net: Supernet,
        recipe: Recipe,
        examples: Examples,
        *,
        seed: int,
        processes: Alone = ALONE,
    ) -> None:
        reason = recipe.unfit_reason(net.space)
        if reason:
            raise ValueError(reason)
        self.net, self.recipe, self.examples = net, recipe, examples
        self.device = next(net.parameters()).device
        self.processes = processes
        self.norms = NormPolicy(recipe.norms, recipe.momentum_of_norms)
        self.norms.training = processes.norms(self.norms.training)
        self.paths = recipe.paths(net, _generator(seed, "paths"))
        self._divide(_held_out(len(examples), recipe.held_out, _generator(seed, "held_out")))
        least = max(2, processes.count)
        if min(len(self.trained), recipe.batch_size) < least:
            raise ValueError(f"a supernet needs at least {least} training examples a step")
        self.data = recipe.data(len(self.trained), _generator(seed, "data"))
        if not recipe.affine_norms:
            fix_norms(net)
        self.optimizer = self._new_optimizer()
        self.steps_done = 0
        self.steps_per_epoch = _steps(len(self.trained), recipe.batch_size, processes.count)
        self.timeline = Timeline(_spans(recipe, net.space), self.steps_per_epoch)
        self.splits: list[dict[str, object]] = []
        self._looking = Looking()
        self._splits_rng, self._validation_rng = (
            _generator(seed, part) for part in ("splits", "validation")
        )
        self._images_rng = _generator(seed, "images")
        self._channels_rng = _generator(seed, "channels")
        noise = torch.Generator(self.device).manual_seed(seed_of(seed, "noise"))
        self.passes = Passes(net, recipe, self.norms, noise, processes)
        self._order = self.data.order()
        self._format = net.memory_format(self.device)
        self._diverged = torch.full((), -1, device=self.device)

    @property
    def num_steps(self) -> int:
        """How many steps there are to be."""
        return self.timeline.num_steps

    @property
    def is_done(self) -> bool:
        """No step is left."""
        return self.steps_done >= self.num_steps

    def run(self) -> Iterator[Report]:
        """Take all steps that are left; what is watched between them is the caller's affair.

        Raises:
            DivergedError: noticed within 20 steps, and after the last one at once.
        """
        while not self.is_done:
            yield self.step()

    def step(self) -> Report:
        """Take one step.

        Raises:
            DivergedError: at this step or one of the last 20 the loss or the gradient was not
                finite, or at the end of an epoch a weight is not.
        """
        began = time.perf_counter()
        step, spot = self.steps_done, self.timeline.at(self.steps_done)
        while self.is_splitting:
            self.split_on()
        places = self._places(spot.batch)
        batch = self._laid_out(self.trained.batch(places, self._images_rng))
        moment = self._moment(spot, batch)
        lr = self._set_lr(moment)
        if self.recipe.sorts_before is not None and step == (
            self.recipe.sorts_before * self.steps_per_epoch
        ):
            sort_inner_channels(self.net, self.optimizer)
        self.optimizer.zero_grad(set_to_none=True)
        with drawn_channels(self.net, self._channels_rng):
            passes = self.paths.passes(moment)
            reports = self.passes.run(passes, moment, batch, self._weights(places))
        others = self.paths.own_gradients()
        self.processes.average(others)
        is_finite = self.passes.scaling.unscale(self.optimizer, others)
        norms = clipped(
            self.net.parameters(), self.recipe.clip, watches=self.recipe.watches_gradients
        )
        gradients = [norms.witness, *(other.sum() for other in others)]
        self._notice(step, [report.loss for report in reports], gradients, is_finite)
        report = Report(
            step,
            spot.epoch,
            places,
            batch[1],
            reports,
            lr,
            norms.before,
            norms.after,
            norms.greatest,
            norms.by_parameter or {},
            phase=spot.phase,
            member=spot.member,
        )
        if is_finite:
            self.paths.observe(report)  # before the optimiser, which may work on the gradients
            self.data.observe(report)
        self.passes.scaling.step(self.optimizer, is_finite=is_finite)
        self._end_step(spot)
        report.seconds = time.perf_counter() - began
        return report

    @property
    def is_splitting(self) -> bool:
        """The supernet is to be split before the next step."""
        return not self.is_done and self.timeline.at(self.steps_done).phase > len(self.splits)

    @property
    def moments_done(self) -> int:
        """How far the training is: its steps, and the batches that were looked at for splits."""
        return self.steps_done + self._looking.num_before + self._looking.num

    @property
    def looks(self) -> tuple[int, int]:
        """How many batches have been looked at for the split that is due, and of how many."""
        return self._looking.num, self._looking.total(self.net, self._next_phase.splitter)

    def split_on(self) -> None:
        """Look at one more batch for the split that is due; when all have been seen, split.

        :meth:`step` does all that is left. Between two calls the training may be left: its state
        has what was seen.

        Raises:
            DivergedError: a gradient that the split goes by is not finite.
        """
        phase, rng = self._next_phase, self._splits_rng
        look = self._looking.take(
            self.net, phase.splitter, lambda: self._drawn_batch(self.trained, rng), rng
        )
        if look is None:
            self._split(phase)
        elif not bool(torch.isfinite(look).all()):
            raise DivergedError(self.steps_done)

    def check(self) -> None:
        """See whether the training has diverged; waits for the device.

        Raises:
            DivergedError: it has.
        """
        step = int(self._diverged)
        if step >= 0:
            raise DivergedError(step)

    def require_sound(self) -> None:
        """See whether the weights are worth keeping; waits for the device.

        A step may spoil them although its gradient is finite: times the rate it may not be.

        Raises:
            DivergedError: a loss, a gradient or a weight is not finite.
        """
        self.check()
        norms = torch._foreach_norm([p.detach() for p in self.net.parameters()])
        if not bool(torch.isfinite(torch.stack(norms)).all()):
            raise DivergedError(self.steps_done - 1)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, in tensors and plain values.

        ``torch.save`` and ``torch.load(..., weights_only=True)`` keep it.

        Raises:
            DivergedError: nothing is left that is worth keeping.
        """
        self.require_sound()
        return {
            "version": STATE_VERSION,
            "space": self.net.name,
            "step": self.steps_done,
            "num_examples": len(self.trained),
            "held_out": torch.from_numpy(self._validation.places.copy()),
            "validation": self._validation_rng.bit_generator.state,
            "net": self.net.state_dict(),
            "parts": [list(map(list, part)) for part in parts_of(self.net)],
            "splits": copy.deepcopy(self.splits),
            "looking": self._looking.state_dict(),
            "splits_rng": self._splits_rng.bit_generator.state,
            "norms": self.norms.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "paths": self.paths.state_dict(),
            "data": self.data.state_dict(),
            "order": torch.from_numpy(self._order.copy()),
            "images": self._images_rng.bit_generator.state,
            "noise": self.passes.noise.get_state(),
            "channels": self._channels_rng.bit_generator.state,
            "scaling": self.passes.scaling.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where :meth:`state_dict` was taken.

        Raises:
            DataError: it is of another version, space, data set or shape; nothing has changed.
        """
        parts = tuple(tuple(map(tuple, part)) for part in state.get("parts", ()))
        net = planted(self.net, parts)
        require_fit(state, net, len(self.trained))
        if parts != parts_of(self.net):
            self.net.source = net.source
            self.optimizer = self._new_optimizer()
            self.passes.forget_model()
        self.splits = copy.deepcopy(state["splits"])
        self._splits_rng.bit_generator.state = state["splits_rng"]
        self._looking.load_state_dict(state["looking"])
        self._divide(state["held_out"].numpy().copy())
        self._validation_rng.bit_generator.state = state["validation"]
        self.net.load_state_dict(state["net"])
        self.norms.load_state_dict(_on(state["norms"], self.device))
        self.optimizer.load_state_dict(state["optimizer"])
        self.paths.load_state_dict(state["paths"])
        self.data.load_state_dict(state["data"])
        self._order = state["order"].numpy().copy()
        self._images_rng.bit_generator.state = state["images"]
        self.passes.noise.set_state(state["noise"].cpu())
        self._channels_rng.bit_generator.state = state["channels"]
        self.passes.scaling.load_state_dict(state["scaling"])
        self.steps_done = int(state["step"])
        self._diverged.fill_(-1)

    @property
    def _next_phase(self) -> Phase:
        return self.recipe.phases[len(self.splits)]

    def _split(self, phase: Phase) -> None:
        """Give every member its successors, before the first step of a phase."""
        is_split, origins = bool(parts_of(self.net)), member_sources(self.net)
        divisions = self._looking.divisions(self.net, phase.splitter, self._splits_rng)
        parts = [division.parts for division in divisions]
        fresh = [self._fresh_source() for found in parts for _ in found] if phase.restarts else ()
        pairs = split(self.net, parts, fresh)
        self.passes.forget_model()
        before, self.optimizer = self.optimizer, self._new_optimizer()
        if phase.restarts:
            self.norms.load_state_dict({})  # members have places of the same names
        else:
            sources = member_sources(self.net)
            inherit_momenta(self.optimizer, before, [(sources[a], origins[b]) for a, b in pairs])
            self.norms.split(pairs, is_split=is_split)
        self.splits.append({"members": [division.log for division in divisions]})

    def _divide(self, held_out: Places) -> None:
        """Say which examples are trained on, and which are not."""
        trained = np.setdiff1d(np.arange(len(self.examples)), held_out)
        self.trained = Chosen(self.examples, trained)
        self._validation = Chosen(self.examples, held_out)

    def _validation_batch(self) -> Labelled:
        return self._drawn_batch(self._validation, self._validation_rng)

    def _drawn_batch(self, examples: Examples, rng: np.random.Generator) -> Labelled:
        places = rng.permutation(len(examples))[: self.recipe.batch_size]
        return self._laid_out(examples.batch(places, rng))

    def _laid_out(self, batch: Labelled) -> Labelled:
        return batch[0].contiguous(memory_format=self._format), batch[1]

    def _fresh_source(self) -> WeightSource:
        seed = int(self._splits_rng.integers(2**31))
        return fresh_source(self.net, self.recipe, torch.Generator().manual_seed(seed))

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return self.recipe.optimiser.build(self.net, self.recipe.lr(0.0, self.recipe.epochs))

    def _places(self, place: int) -> Places:
        size = self.recipe.batch_size
        return self._order[place * size : (place + 1) * size]

    def _moment(self, spot: Spot, batch: Labelled) -> Moment:
        parts = parts_of(self.net)
        return Moment(
            spot.epoch * self.steps_per_epoch + spot.batch,
            self.steps_per_epoch,
            spot.num_epochs,
            lambda mix: self.passes.loss_of(mix, batch),
            parts[spot.member] if parts else None,
            (lambda: (batch, self._validation_batch())) if len(self._validation) else None,
        )

    def _set_lr(self, moment: Moment) -> float:
        lr = self.recipe.lr(moment.position, moment.num_epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _weights(self, places: Places) -> Tensor | None:
        weights = self.data.weights(places)
        return None if weights is None else torch.from_numpy(weights).to(self.device)

    def _notice(
        self, step: int, losses: list[Tensor], gradients: list[Tensor], is_finite: bool
    ) -> None:
        """Keep the number of the first step that is not finite, without waiting for the device.

        Gradients that are too large for their scale are no divergence while it can be lowered;
        when it cannot, it began with the first of the steps that were skipped for it.

        Args:
            step: that was taken.
            losses: of its passes.
            gradients: a number for each group of them, not finite where an entry is not.
            is_finite: whether the scaled gradients were.
        """
        scaling = self.passes.scaling
        is_skipped = not is_finite and scaling.scale > 1
        values = torch.stack(losses if is_skipped else [*losses, *gradients])
        first = step if is_skipped or is_finite else step - scaling.in_a_row
        begins = ~torch.isfinite(values).all() & (self._diverged < 0)
        self._diverged.copy_(torch.where(begins, first, self._diverged))
        if self.device.type == "cpu" or step % CHECK_EVERY == 0:
            self.check()

    def _end_step(self, spot: Spot) -> None:
        self.steps_done += 1
        if spot.batch == self.steps_per_epoch - 1:
            self.require_sound()
            self.paths.end_epoch(spot.epoch, spot.num_epochs)
            self.data.end_epoch(spot.epoch, spot.num_epochs)
            self._order = self.data.order()


def _generator(seed: int, part: str) -> np.random.Generator:
    return np.random.default_rng(seed_of(seed, part))


def _spans(recipe: Recipe, space: Space) -> list[Span]:
    spans = [Span(recipe.epochs)]
    for phase in recipe.phases:
        members = spans[-1].members * phase.splitter.num_parts(space)
        spans.append(Span(phase.epochs, members, phase.continues))
    return spans


def _held_out(count: int, share: float, rng: np.random.Generator) -> Places:
    """Places of the examples that are not trained on: none, or two at least."""
    held = max(round(share * count), 2) if share else 0
    return np.sort(rng.permutation(count)[:held])


def _steps(count: int, batch_size: int, processes: int) -> int:
    """Batches of an epoch; a last one of a single image is left out, for batch norm needs two.

    So is one that has no image for every process.
    """
    full, rest = divmod(count, batch_size)
    return full + (rest >= max(2, processes)) if full else 1


def _on(norms: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    return {place: [tensor.to(device) for tensor in moments] for place, moments in norms.items()}

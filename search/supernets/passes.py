"""The passes of a step: forward and backward, for all that is trained on one batch.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from search.supernets.aggregation import aggregation_of
from search.supernets.mix import Mix
from search.supernets.noise import Noise
from search.supernets.norms import NormPolicy
from search.supernets.precision import Scaling
from search.supernets.processes import Alone, Rows
from search.supernets.recipe import Recipe
from search.supernets.steps import Labelled, Moment, Pass, PassReport
from search.supernets.supernet import BATCH_NORMS, Supernet


class Passes:
    """Runs passes, and adds their gradients up in those of the network.

    Args:
        net: whose gradients.
        recipe: loss, dropping, weights of roles, precision.
        policy: of norms.
        noise: draws what is dropped.
        processes: that share every batch.

    Attributes:
        scaling: of losses, where the precision needs it.
        noise: draws what is dropped.
    """

    def __init__(
        self,
        net: Supernet,
        recipe: Recipe,
        policy: NormPolicy,
        noise: torch.Generator,
        processes: Alone,
    ) -> None:
        self.net, self.recipe, self.policy = net, recipe, policy
        self.noise, self.processes = noise, processes
        self.loss = recipe.loss()
        self.scaling = Scaling(recipe.precision, next(net.parameters()).device)
        self._norms = processes.norms(BATCH_NORMS)  # of passes that are only looked at
        self._model: nn.Module | None = None

    def forget_model(self) -> None:
        """Call when parameters of the network have been exchanged for others."""
        self._model = None

    def run(
        self,
        passes: Sequence[Pass],
        moment: Moment,
        batch: Labelled,
        weights_B: Tensor | None = None,
    ) -> list[PassReport]:
        """Run all passes of a step; reports are of the whole batch.

        Args:
            passes: in order; those of weight 0 are left out.
            moment: of the schedule.
            batch: images and labels, the whole batch.
            weights_B: of the images.
        """
        self._model = self._model or self.processes.model(self.net)
        aggregate = aggregation_of(self.recipe.aggregation, self.net)
        weighted = [(done, self._factor(done, moment)) for done in passes]
        todo = [(done, factor) for done, factor in weighted if factor != 0]
        memo: dict[str, Tensor] = {}
        reports = []
        for number, (done, factor) in enumerate(todo, 1):
            is_last = number == len(todo)
            with nullcontext() if is_last else self.processes.apart(self._model):
                reports.append(self._one(done, factor, (*batch, weights_B), memo))
            aggregate.add(done.mix, factor)
        aggregate.finish()
        return reports

    @torch.no_grad()
    def loss_of(self, mix: Mix, batch: Labelled) -> float:
        """Mean loss of a mix, without gradients."""
        rows = self.processes.rows(len(batch[1]))
        x_BCHW, y_B = map(rows.of, batch)
        with self.scaling.autocast():
            logits_BK = self.net(x_BCHW, mix, self._norms)
        losses_B = cross_entropy(logits_BK.float(), y_B, reduction="none")
        return float(self.processes.whole(losses_B, rows).mean())

    def _factor(self, done: Pass, moment: Moment) -> float:
        schedule = self.recipe.weighs.get(done.role)
        by_role = schedule(moment.position, moment.num_epochs) if schedule else 1.0
        return done.weight * by_role

    def _one(
        self,
        done: Pass,
        factor: float,
        batch: tuple[Tensor, Tensor, Tensor | None],
        memo: dict[str, Tensor],
    ) -> PassReport:
        """Add the gradients of one pass to those that are there."""
        processes, rows = self.processes, self.processes.rows(len(batch[1]))
        x_BCHW, y_B = rows.of(batch[0]), rows.of(batch[1])
        logits_BK = self._logits(x_BCHW, done, rows)
        losses_B = self.loss(done.role, logits_BK, y_B, memo)
        weighed_B = losses_B if batch[2] is None else losses_B * rows.of(batch[2])
        loss = processes.mean(weighed_B, rows)
        self.scaling.scaled(loss if factor == 1 else loss * factor).backward()
        mean = loss if processes.count == 1 else processes.whole(weighed_B.detach(), rows).mean()
        return PassReport(
            done,
            mean.detach(),
            processes.whole(losses_B.detach(), rows),
            processes.whole(logits_BK.detach(), rows),
            {name: processes.whole(v_B, rows).mean() for name, v_B in self.loss.told.items()},
        )

    def _logits(self, x_BCHW: Tensor, done: Pass, rows: Rows) -> Tensor:
        dropping, noise = self.recipe.dropping, None
        if done.role in dropping.roles and (dropping.dropout or dropping.drop_path):
            noise = Noise(
                dropping.dropout, dropping.drop_path, self.noise, rows, dropping.drops_in
            )
        assert self._model is not None
        with self.scaling.autocast():
            logits_BK: Tensor = self._model(x_BCHW, done.mix, self.policy.training, noise)
        return logits_BK.float()

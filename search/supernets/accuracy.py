"""Accuracy of subnets with the weights that they share.

Shapes: B images, C channels, H height, W width.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from search.spaces import Arch
from search.supernets.links import Link
from search.supernets.mix import Mix, onehot
from search.supernets.norms import FixedNorms, NormPolicy, Norms, TrackedNorms
from search.supernets.prefixes import Key, Known, Prefixes, in_order
from search.supernets.steps import Labelled
from search.supernets.supernet import Supernet

CACHE_BYTES = 2**29
STATISTICS_KEPT = 1000  # subnets whose norms' statistics are remembered
ACCURACIES_KEPT = 5000  # subnets; what tells a large one from others takes 20 kB


class SubnetAccuracy:
    """Evaluates subnets of one supernet, and remembers the latest; the supernet does not change.

    Networks that begin alike are run once as far as they are alike, and those that are alike
    throughout (cells that differ in edges which lead nowhere) are evaluated once; results are
    bit for bit those of every network alone. Make a new one when the supernet has been trained
    on.

    Args:
        net: the supernet.
        policy: of its norms.
        calibration: batches of training images, from which a subnet's statistics are made where
            the policy asks for it.
        test: batches of images and labels to evaluate on.
        cache_bytes: of activations that are kept; 0 for none.

    Attributes:
        calibrates: every subnet gets statistics of its own.
    """

    def __init__(
        self,
        net: Supernet,
        policy: NormPolicy,
        calibration: Sequence[Tensor],
        test: Sequence[Labelled],
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.net, self.policy = net, policy
        layout = net.memory_format(next(net.parameters()).device)
        self._calibration = [x.contiguous(memory_format=layout) for x in calibration]
        self._test = [(x.contiguous(memory_format=layout), y) for x, y in test]
        self._known: OrderedDict[Key, float] = OrderedDict()
        self._statistics: OrderedDict[Key, FixedNorms] = OrderedDict()
        self.calibrates = calibrates = policy.kind == "recalibrated" and net.keeps_statistics
        start = Known(self._calibration if calibrates else [], [x for x, _ in self._test], {})
        self._prefixes = Prefixes(start, None if calibrates else self._given_norms, cache_bytes)

    def __call__(self, arch: Arch) -> float:
        """Share of the test images that the subnet classifies correctly, 0 to 1.

        Raises:
            ValueError: this is no arch of the space.
        """
        return self.of_all([arch])[0]

    @torch.no_grad()
    def of_all(self, archs: Sequence[Arch]) -> list[float]:
        """The same of many, in an order in which most of what they share is run once.

        Raises:
            ValueError: one of them is no arch of the space; nothing is evaluated.
        """
        for arch in archs:
            reason = self.net.space.invalid_reason(arch)
            if reason:
                raise ValueError(reason)
        chains = [self._chain(arch) for arch in archs]
        keys = [key for _, key in chains]
        self._prefixes.announce({key for key in keys if key not in self._known})
        for place in in_order(keys):
            if keys[place] not in self._known:
                self._evaluate(*chains[place])
        found = [self._known[key] for key in keys]
        while len(self._known) > ACCURACIES_KEPT:
            self._known.popitem(last=False)
        return found

    @torch.no_grad()
    def of_mix(self, mix: Mix) -> float:
        """The same for any mix, from the beginning; not kept."""
        norms = self.norms(mix)
        return self._share([self.net(x, mix, norms) for x, _ in self._test])

    @torch.no_grad()
    def borrowed(self, arch: Arch, lender: Arch) -> float:
        """The same with the statistics of another subnet: what calibration is worth."""
        norms = self.norms(onehot(lender))
        return self._share([self.net(x, onehot(arch), norms) for x, _ in self._test])

    @torch.no_grad()
    def norms(self, mix: Mix) -> Norms:
        """What normalises in the evaluation of this mix; kept for the latest subnets."""
        if not self.net.keeps_statistics:
            return FixedNorms({})
        if self.policy.kind == "recalibrated" and mix.arch is not None:
            _, key = self._chain(mix.arch)
            if key in self._statistics:
                return self._statistics[key]
        return self.policy.for_evaluation(
            lambda x_BCHW, norms: self.net(x_BCHW, mix, norms), self._calibration
        )

    def collapse(self, arch: Arch) -> torch.nn.Module:
        """The plain network of a subnet as it was evaluated, ready for inference.

        Where the policy is ``batch`` its norms keep no statistics of their own; it stays in
        training mode.
        """
        norms = self.norms(onehot(arch))
        if not isinstance(norms, FixedNorms):
            return self.net.collapse(arch)
        return self.net.collapse(arch, norms).eval()

    def _chain(self, arch: Arch) -> tuple[list[Link], Key]:
        links, mix = self.net.links(arch), onehot(arch)
        return links, tuple([link.key(self.net.source, mix) for link in links])

    def _evaluate(self, links: list[Link], key: Key) -> None:
        found = self._prefixes.run(links, key)
        self._known[key] = self._share(found.test)
        if self.calibrates:
            self._statistics[key] = FixedNorms(found.moments)
            if len(self._statistics) > STATISTICS_KEPT:
                self._statistics.popitem(last=False)

    def _share(self, logits: Sequence[Tensor]) -> float:
        """Of images that are classified correctly."""
        pairs = zip(logits, self._test, strict=True)
        right = torch.stack([(logits_BK.argmax(1) == y_B).sum() for logits_BK, (_, y_B) in pairs])
        return int(right.sum()) / sum(len(y_B) for _, y_B in self._test)

    def _given_norms(self) -> Norms:
        training = self.policy.training
        return FixedNorms(training.moments) if isinstance(training, TrackedNorms) else training

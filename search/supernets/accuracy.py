"""Accuracy of subnets with the weights that they share.

Shapes: B images, C channels, H height, W width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from search.spaces import Arch
from search.supernets.mix import Mix, onehot
from search.supernets.norms import FixedNorms, NormPolicy, Norms
from search.supernets.steps import Labelled
from search.supernets.supernet import Supernet


class SubnetAccuracy:
    """Evaluates subnets of one supernet, each at most once; the supernet does not change.

    Make a new one when the supernet has been trained on.

    Args:
        net: the supernet.
        policy: of its norms.
        calibration: batches of training images, from which a subnet's statistics are made where
            the policy asks for it.
        test: batches of images and labels to evaluate on.
    """

    def __init__(
        self,
        net: Supernet,
        policy: NormPolicy,
        calibration: Sequence[Tensor],
        test: Sequence[Labelled],
    ) -> None:
        self.net, self.policy = net, policy
        layout = net.memory_format(next(net.parameters()).device)
        self._calibration = [x.contiguous(memory_format=layout) for x in calibration]
        self._test = [(x.contiguous(memory_format=layout), y) for x, y in test]
        self._known: dict[Arch, float] = {}

    def __call__(self, arch: Arch) -> float:
        """Share of the test images that the subnet classifies correctly, 0 to 1.

        Raises:
            ValueError: this is no arch of the space.
        """
        if arch not in self._known:
            reason = self.net.space.invalid_reason(arch)
            if reason:
                raise ValueError(reason)
            self._known[arch] = self.of_mix(onehot(arch))
        return self._known[arch]

    @torch.no_grad()
    def of_mix(self, mix: Mix) -> float:
        """The same for any mix; not kept."""
        norms = self.norms(mix)
        right = torch.stack(
            [(self.net(x, mix, norms).argmax(1) == y).sum() for x, y in self._test]
        )
        return int(right.sum()) / sum(len(y) for _, y in self._test)

    @torch.no_grad()
    def norms(self, mix: Mix) -> Norms:
        """What normalises in the evaluation of this mix."""
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

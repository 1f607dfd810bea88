"""Losses of subnets: of the true labels, or of what the largest subnet says of the same images.

Shapes: B images, K classes.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from search.supernets.steps import Role

Divergence = Callable[[Tensor, Tensor], Tensor]  # of student's and teacher's logits; B losses


class Loss(Protocol):
    """The loss of one pass.

    Attributes:
        told: what the latest pass is to be watched by, besides its loss: a value for each image,
            by name.
    """

    told: Mapping[str, Tensor]

    def __call__(
        self, role: Role, logits_BK: Tensor, y_B: Tensor, memo: dict[str, Tensor]
    ) -> Tensor:
        """One value for each image.

        Args:
            role: of the pass.
            logits_BK: what the subnet says.
            y_B: the true classes.
            memo: lasts for one step, and is empty when it begins.
        """


class HardLabel:
    """Cross entropy with the true labels.

    Args:
        smoothing: share of the label that is spread over all classes.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing
        self.told: Mapping[str, Tensor] = {}

    def __call__(
        self, role: Role, logits_BK: Tensor, y_B: Tensor, memo: dict[str, Tensor]
    ) -> Tensor:
        """Whatever the role."""
        return F.cross_entropy(logits_BK, y_B, reduction="none", label_smoothing=self.smoothing)


class InplaceDistillation:
    """The largest subnet learns from the labels, all others from the largest alone (BigNAS).

    Args:
        hard: loss of the largest.
        divergence: of the others; soft cross entropy when left out.
    """

    def __init__(self, hard: HardLabel, divergence: Divergence | None = None) -> None:
        self.hard = hard
        self.divergence = divergence or soft_cross_entropy
        self.told: Mapping[str, Tensor] = {}

    def __call__(
        self, role: Role, logits_BK: Tensor, y_B: Tensor, memo: dict[str, Tensor]
    ) -> Tensor:
        """The pass of role ``max`` must come first.

        The others tell how far they are from it: the KL divergence, in nats.
        """
        if role == "max":
            memo["teacher"] = logits_BK.detach()
            self.told = {}
            return self.hard(role, logits_BK, y_B, memo)
        teacher_BK = memo["teacher"]
        losses_B = self.divergence(logits_BK, teacher_BK)
        if isinstance(self.divergence, AdaptiveAlpha):
            self.told = self.divergence.told
        else:
            found = alpha_divergence(logits_BK.detach(), teacher_BK, 1.0)
            self.told = {f"divergence {role}": found.values_B}
        return losses_B


def soft_cross_entropy(logits_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    """Cross entropy with the teacher's probabilities: the KL divergence up to a constant."""
    return -(teacher_BK.softmax(1) * logits_BK.log_softmax(1)).sum(1)


def soft_cross_entropy_at(temperature: float) -> Divergence:
    """Cross entropy of softened probabilities, times the squared temperature."""

    def divergence(logits_BK: Tensor, teacher_BK: Tensor) -> Tensor:
        softened = soft_cross_entropy(logits_BK / temperature, teacher_BK / temperature)
        return softened * temperature**2

    return divergence


class AdaptiveAlpha:
    """The larger of two alpha divergences, for each image (AlphaNet), code.

    Wang et al. (2021), arXiv:2102.07954. What is returned is a surrogate with the divergence's
    gradient, not its value. A negative alpha punishes a student that believes what the teacher
    does not; a positive one punishes a student that misses what the teacher believes.

    Args:
        alpha_minus: one order.
        alpha_plus: the other; taken when both divergences are equal.
        clip: greatest ratio of teacher and student, to its power; None for no limit.
    """

    def __init__(
        self, alpha_minus: float = -1.0, alpha_plus: float = 1.0, clip: float | None = 5.0
    ) -> None:
        self.alpha_minus, self.alpha_plus, self.clip = alpha_minus, alpha_plus, clip
        self.told: Mapping[str, Tensor] = {}

    def __call__(self, logits_BK: Tensor, teacher_BK: Tensor) -> Tensor:
        """One surrogate for each image; both divergences and what was cut off are told."""
        q_BK = logits_BK.detach()
        minus = alpha_divergence(q_BK, teacher_BK, self.alpha_minus, self.clip)
        plus = alpha_divergence(q_BK, teacher_BK, self.alpha_plus, self.clip)
        is_minus_B = minus.values_B > plus.values_B
        self.told = {
            "branch alpha_minus": is_minus_B.float(),
            "divergence alpha_minus": minus.values_B,
            "divergence alpha_plus": plus.values_B,
            "clipped entries": torch.where(is_minus_B, minus.clipped_B, plus.clipped_B),
        }
        pull_BK = torch.where(is_minus_B[:, None], minus.pull_BK, plus.pull_BK)
        return -(pull_BK * logits_BK.log_softmax(1)).sum(1)


class AlphaDivergence(NamedTuple):
    """The divergence of each image, and what comes with it.

    Attributes:
        values_B: the divergence, of clipped powers.
        pull_BK: q times rho; the gradient is that of -sum pull log q with pull held fast.
        clipped_B: share of the classes whose power was cut off.
    """

    values_B: Tensor
    pull_BK: Tensor
    clipped_B: Tensor


@torch.no_grad()
def alpha_divergence(
    logits_BK: Tensor, teacher_BK: Tensor, alpha: float, clip: float | None = None
) -> AlphaDivergence:
    """The divergence of each image, and the weights of its gradient.

    Args:
        logits_BK: of the student.
        teacher_BK: logits of the teacher.
        alpha: the order; 1 is KL(teacher, student), 0 is KL(student, teacher).
        clip: greatest power of the ratio; at order 0 of the ratio itself, at order 1 unused.
    """
    q_BK, p_BK = logits_BK.softmax(1), teacher_BK.softmax(1)
    log_r_BK = teacher_BK.log_softmax(1) - logits_BK.log_softmax(1)
    if alpha == 1:  # q rho is p, however small q is
        values_B = (p_BK * log_r_BK).sum(1)
        return AlphaDivergence(values_B, p_BK, torch.zeros_like(values_B))
    log_power_BK = log_r_BK if alpha == 0 else alpha * log_r_BK
    log_w_BK = log_power_BK if clip is None else log_power_BK.clamp(max=math.log(clip))
    clipped_B = (log_w_BK < log_power_BK).to(q_BK.dtype).mean(1)
    if alpha == 0:
        return AlphaDivergence(-(q_BK * log_w_BK).sum(1), q_BK * (log_w_BK - 1), clipped_B)
    w_BK, scale = log_w_BK.exp(), alpha * (alpha - 1)
    values_B = (q_BK * (w_BK - 1)).sum(1) / scale
    return AlphaDivergence(values_B, q_BK * (w_BK / alpha + 1 / scale), clipped_B)

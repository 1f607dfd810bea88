"""Layer norm of tokens whose width is mixed.

Shapes: B images, T tokens, D numbers of a token.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from search.supernets.mix import Term
from search.supernets.sources.entangled import coverage

EPS = 1e-5


def layer_normed(
    x_BTD: Tensor,
    weight_D: Tensor,
    bias_D: Tensor,
    widths: Sequence[int],
    terms: Sequence[Term] | None,
) -> Tensor:
    """Tokens, normalised one by one, scaled and shifted.

    Of a mix of widths, a channel counts with the sum of the weights of the widths that include
    it. Where one weight is 1 and the others 0, tokens are those of that width, with zeros behind.

    Args:
        x_BTD: tokens; channels beyond the mix are zero.
        weight_D: scale, as a weight source mixes it.
        bias_D: shift, as a weight source mixes it.
        widths: that a token may have.
        terms: choices of widths and their weights; None for a single one.
    """
    if terms is None:
        return F.layer_norm(x_BTD, weight_D.shape, weight_D, bias_D, EPS)
    weights_M = torch.stack([torch.as_tensor(w, device=x_BTD.device) for _, w in terms])
    shares_D = coverage([(widths[k],) for k, _ in terms], weights_M.to(weight_D.dtype))
    count = shares_D.sum()
    centred_BTD = x_BTD - x_BTD.sum(2, keepdim=True) / count
    variance_BT1 = (centred_BTD.square() * shares_D).sum(2, keepdim=True) / count
    return centred_BTD * (variance_BT1 + EPS).rsqrt() * weight_D + bias_D

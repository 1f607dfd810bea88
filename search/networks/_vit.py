"""A vision transformer, in plain PyTorch (Dosovitskiy et al., 2021, arXiv:2010.11929).

Heads are of one width, whatever their number, as in AutoFormer (Chen et al., 2021,
arXiv:2107.00651). Norms come before attention and MLP; the mean of the tokens is classified.
Shapes: B images, C channels, H height, W width, T tokens, D numbers of a token, P pixels of a
patch, N heads, E numbers of a head, K classes.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


def patches(x_BCHW: Tensor, side: int) -> Tensor:
    """Square patches, B x T x CP, row by row; zeros fill up the lower and right edge."""
    height, width = x_BCHW.shape[2:]
    x_BCHW = F.pad(x_BCHW, (0, -width % side, 0, -height % side))
    rows = x_BCHW.unflatten(3, (-1, side)).unflatten(2, (-1, side))
    patches_BTP: Tensor = rows.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    return patches_BTP


def num_patches(height: int, width: int, side: int) -> int:
    """How many patches an image has."""
    return -(-height // side) * -(-width // side)


def attended(q_BTD: Tensor, k_BTD: Tensor, v_BTD: Tensor, head_width: int) -> Tensor:
    """Every token's mean of all values, weighted by how well its query fits their keys."""
    q, k, v = (x.unflatten(2, (-1, head_width)).transpose(1, 2) for x in (q_BTD, k_BTD, v_BTD))
    shares_BNTT = (q @ k.mT * head_width**-0.5).softmax(3)
    means_BTD: Tensor = (shares_BNTT @ v).transpose(1, 2).flatten(2)
    return means_BTD


class Stem(nn.Module):
    """A linear map of patches, and a learned vector for every place."""

    def __init__(self, shape: tuple[int, int, int], side: int, width: int) -> None:
        super().__init__()
        self.side = side
        self.embed = nn.Linear(shape[0] * side * side, width)
        self.positions = nn.Embedding(num_patches(shape[1], shape[2], side), width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BTD: Tensor = self.embed(patches(x_BCHW, self.side))
        return x_BTD + self.positions.weight


class Attention(nn.Module):
    """What :func:`attended` computes, as a module."""

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width

    def forward(self, q_BTD: Tensor, k_BTD: Tensor, v_BTD: Tensor) -> Tensor:
        return attended(q_BTD, k_BTD, v_BTD, self.head_width)

    def macs_of(self, y_BTD: Tensor) -> int:
        """Multiply-adds behind an output: of queries with keys, and of shares with values."""
        return 2 * y_BTD.numel() * y_BTD.shape[1]


class Block(nn.Module):
    """Attention and an MLP, each a residual branch behind a norm."""

    def __init__(self, width: int, heads: int, ratio: int, head_width: int) -> None:
        super().__init__()
        self.norm_a = nn.LayerNorm(width)
        self.query = nn.Linear(width, heads * head_width)
        self.key = nn.Linear(width, heads * head_width)
        self.value = nn.Linear(width, heads * head_width)
        self.attention = Attention(head_width)
        self.merge = nn.Linear(heads * head_width, width)
        self.norm_b = nn.LayerNorm(width)
        self.widen = nn.Linear(width, ratio * width)
        self.gelu = nn.GELU()
        self.narrow = nn.Linear(ratio * width, width)

    def forward(self, x_BTD: Tensor) -> Tensor:
        y_BTD = self.norm_a(x_BTD)
        y_BTD = self.attention(self.query(y_BTD), self.key(y_BTD), self.value(y_BTD))
        x_BTD = x_BTD + self.merge(y_BTD)
        y_BTD = self.gelu(self.widen(self.norm_b(x_BTD)))
        z_BTD: Tensor = self.narrow(y_BTD)
        return x_BTD + z_BTD


class Network(nn.Module):
    """The whole network.

    Args:
        width: of a token, in widths of a head.
        blocks: heads, and width of the MLP in widths of a token, of every block.
        shape: channels, height and width of one image.
        num_classes: how many outputs.
        patch: side of a patch in pixels.
        head_width: numbers of a head.
    """

    def __init__(
        self,
        width: int,
        blocks: Sequence[tuple[int, int]],
        shape: tuple[int, int, int] = (3, 32, 32),
        num_classes: int = 10,
        patch: int = 4,
        head_width: int = 16,
    ) -> None:
        super().__init__()
        full = width * head_width
        self.stem = Stem(shape, patch, full)
        self.blocks = nn.Sequential(
            *(Block(full, heads, ratio, head_width) for heads, ratio in blocks)
        )
        self.norm = nn.LayerNorm(full)
        self.classifier = nn.Linear(full, num_classes)

    @property
    def feature_blocks(self) -> list[nn.Module]:
        """Stem and blocks, one after the other; they give tokens."""
        return [self.stem, *self.blocks]

    @property
    def last_features(self) -> nn.Module:
        """Gives the tokens whose mean is classified."""
        return self.norm

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BTD = self.norm(self.blocks(self.stem(x_BCHW)))
        logits_BK: Tensor = self.classifier(x_BTD.mean(dim=1))
        return logits_BK

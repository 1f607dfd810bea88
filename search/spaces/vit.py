"""An elastic vision transformer: width, depth, and heads and MLP ratio of every block.

As in AutoFormer (Chen et al., 2021, arXiv:2107.00651), at a size that small images can train.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._choices import one_apart, require_equivalence
from search.spaces._export import network_code

WIDTHS = (2, 3, 4)  # of a token, in widths of a head
DEPTHS = (2, 3, 4, 5, 6)
HEADS = (2, 3, 4)
RATIOS = (1, 2, 4)
MAX_DEPTH = max(DEPTHS)
DEFAULT_PATCH, DEFAULT_HEAD_WIDTH = 4, 16  # of the network builder
EQUIVALENCES = ("exact", "pruned")
WIDTH, DEPTH = 0, 1  # places of decisions
FIRST_BLOCK, PER_BLOCK = 2, 2

Block = tuple[int, int]  # heads, and width of the MLP in widths of a token

_EXAMPLE = "w3d4-h2r4-h3r2-h4r1-h2r2-h2r1-h2r1"
_HEAD_TEXT = re.compile(r"w(\d+)d(\d+)", re.ASCII)
_BLOCK_TEXT = re.compile(r"h(\d+)r(\d+)", re.ASCII)


def _block_decisions(block: int) -> Iterator[Decision]:
    yield Decision(f"block {block} heads", tuple(map(str, HEADS)), "heads")
    yield Decision(f"block {block} ratio", tuple(map(str, RATIOS)), "expansion")


class Vit(ChoiceSpace):
    """A vision transformer of any width and depth, each block of any heads and MLP ratio.

    Encodings that differ in blocks beyond the depth are counted apart.
    """

    decisions = (
        Decision("width", tuple(map(str, WIDTHS)), "width"),
        Decision("depth", tuple(map(str, DEPTHS)), "depth"),
        *(decision for b in range(1, MAX_DEPTH + 1) for decision in _block_decisions(b)),
    )

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then by the network: what is chosen for blocks beyond the depth is ignored."""
        return EQUIVALENCES

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Every arch with one other choice that changes the network."""
        idle = _first_idle(arch)
        active = one_apart(self.counts[:idle], arch[:idle])
        return [(*other, *arch[idle:]) for other in active]

    def encode(self, arch: Arch) -> str:
        """Width and depth, then heads and ratio of all blocks, such as ``w3d2-h2r4-h3r2-...``.

        Blocks beyond the depth are written too.
        """
        blocks = [f"h{heads}r{ratio}" for heads, ratio in _all_blocks(arch)]
        return "-".join([f"w{WIDTHS[arch[WIDTH]]}d{DEPTHS[arch[DEPTH]]}", *blocks])

    def decode(self, text: str) -> Arch:
        """Read the text form.

        Raises:
            ValueError: names the block and the value that cannot be read.
        """
        head, *blocks = text.strip().split("-")
        if len(blocks) != MAX_DEPTH:
            raise ValueError(
                f"a network has width and depth and {MAX_DEPTH} blocks joined by '-', such as "
                f"{_EXAMPLE}, not {text[:80]!r}"
            )
        found = _read(_HEAD_TEXT, head, "w3d4", "", {"width": WIDTHS, "depth": DEPTHS})
        for number, block in enumerate(blocks, 1):
            where = f"block {number} "
            found += _read(_BLOCK_TEXT, block, "h2r4", where, {"heads": HEADS, "ratio": RATIOS})
        return tuple(found)

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The first of the class: blocks beyond the depth have the smallest choices."""
        require_equivalence("vit", EQUIVALENCES, equivalence)
        if equivalence == "exact":
            return arch
        idle = _first_idle(arch)
        return (*arch[:idle], *[0] * (len(arch) - idle))

    def drawing(self, arch: Arch) -> Drawing:
        """A chain of the tokens' states; the arrows are attention and MLP of every block."""
        steps = [("tokens", "0", "patches", "patches_conv")]
        for number, (heads, ratio) in enumerate(blocks_of(arch), 1):
            steps.append((f"{number} attention", f"{number}a", f"{heads} heads", "attention"))
            steps.append((str(number), str(number), f"MLP, ratio {ratio}", "mlp"))
        steps.append(("output", "output", "mean", "mean_pool"))
        sources = ["input", *(name for name, *_ in steps)]
        nodes = tuple(
            Node(name, label, "output" if name == "output" else "node")
            for name, label, *_ in steps
        )
        edges = tuple(
            Edge(source, name, label, operation)
            for source, (name, _, label, operation) in zip(sources, steps, strict=False)
        )
        caption = f"width {WIDTHS[arch[WIDTH]]} heads, depth {DEPTHS[arch[DEPTH]]}"
        return Drawing((Node("input", "input", "input"), *nodes), edges, caption)

    def python_source(
        self,
        arch: Arch,
        *,
        shape: tuple[int, int, int],
        num_classes: int,
        params: Mapping[str, object],
    ) -> str:
        """PyTorch code of the network; needs torch and nothing else.

        Args:
            arch: the arch.
            shape: channels, height and width of one image.
            num_classes: how many outputs.
            params: parameters of the network builder, such as ``patch``.
        """
        arguments = {
            "width": WIDTHS[arch[WIDTH]],
            "blocks": blocks_of(arch),
            "shape": tuple(shape),
            "num_classes": num_classes,
            "patch": DEFAULT_PATCH,
            "head_width": DEFAULT_HEAD_WIDTH,
            **params,
        }
        return network_code("_vit", self.encode(arch), arguments, shape=shape)


vit = spaces.register(Vit())


def blocks_of(arch: Arch) -> list[Block]:
    """Heads and MLP ratio of the blocks that are there."""
    return _all_blocks(arch)[: DEPTHS[arch[DEPTH]]]


def heads_place(block: int) -> int:
    """Place of the decision on the heads of a block, from 0; that on its ratio is the next."""
    return FIRST_BLOCK + PER_BLOCK * block


def _all_blocks(arch: Arch) -> list[Block]:
    pairs = zip(arch[FIRST_BLOCK::PER_BLOCK], arch[FIRST_BLOCK + 1 :: PER_BLOCK], strict=True)
    return [(HEADS[heads], RATIOS[ratio]) for heads, ratio in pairs]


def _first_idle(arch: Arch) -> int:
    """Place of the first choice for a block beyond the depth."""
    return heads_place(DEPTHS[arch[DEPTH]])


def _read(
    form: re.Pattern[str],
    text: str,
    example: str,
    where: str,
    choices: Mapping[str, Sequence[int]],
) -> list[int]:
    found = form.fullmatch(text)
    if not found:
        raise ValueError(f"{where}{text[:40]!r} is not of the form {example}")
    return [
        _choice(f"{where}{name}", value, known)
        for (name, known), value in zip(choices.items(), found.groups(), strict=True)
    ]


def _choice(where: str, value: str, known: Sequence[int]) -> int:
    names = [str(choice) for choice in known]
    if value not in names:
        raise ValueError(f"{where}: {value[:40]} is none of {', '.join(names)}")
    return names.index(value)

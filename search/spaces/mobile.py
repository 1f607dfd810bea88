"""An elastic MobileNetV3: resolution, width, and depth, kernels and expansions of five units.

As in Once-for-All (Cai et al., 2020, arXiv:1908.09791), with the width searched as well.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._choices import one_apart, require_equivalence
from search.spaces._export import network_code

FULL_RESOLUTION = 224  # resolutions are shares of it, whatever the images' own side
RESOLUTIONS = (128, 160, 192, 224)
WIDTHS = (0.75, 1.0, 1.25)
DEPTHS = (2, 3, 4)
KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
NUM_UNITS = 5
MAX_DEPTH = max(DEPTHS)
DEFAULT_RESOLUTION = 32  # of the network builder
EQUIVALENCES = ("exact", "pruned")

Block = tuple[int, int]  # kernel and expansion

_HEAD = 2  # resolution and width come first
_PER_UNIT = 1 + 2 * MAX_DEPTH
_LENGTHS = {"d": NUM_UNITS, "ks": NUM_UNITS * MAX_DEPTH, "e": NUM_UNITS * MAX_DEPTH}
_DEFAULTS: Mapping[str, object] = {"r": FULL_RESOLUTION, "w": 1.0}


def _unit_decisions(unit: int) -> Iterator[Decision]:
    yield Decision(f"unit {unit} depth", tuple(map(str, DEPTHS)), "depth")
    for block in range(1, MAX_DEPTH + 1):
        name = f"unit {unit} block {block}"
        yield Decision(f"{name} kernel", tuple(map(str, KERNELS)), "kernel")
        yield Decision(f"{name} expansion", tuple(map(str, EXPANSIONS)), "expansion")


class Mobile(ChoiceSpace):
    """MobileNetV3 of any resolution, width and depth, each block of any kernel and expansion.

    Encodings that differ in blocks beyond the depth are counted apart.
    """

    decisions = (
        Decision("resolution", tuple(f"{r}/{FULL_RESOLUTION}" for r in RESOLUTIONS), "resolution"),
        Decision("width", tuple(map(str, WIDTHS)), "width"),
        *(decision for unit in range(1, NUM_UNITS + 1) for decision in _unit_decisions(unit)),
    )

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then by the network: what is chosen for blocks beyond the depth is ignored."""
        return EQUIVALENCES

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Every arch with one other choice that changes the network."""
        idle = set(_idle_places(arch))
        fixed = [1 if place in idle else count for place, count in enumerate(self.counts)]
        active = [0 if place in idle else choice for place, choice in enumerate(arch)]
        return [
            tuple(arch[place] if place in idle else choice for place, choice in enumerate(other))
            for other in one_apart(fixed, tuple(active))
        ]

    def encode(self, arch: Arch) -> str:
        """JSON as Once-for-All has it: depths ``d``, kernels ``ks``, expansions ``e`` in lists.

        ``r`` is the resolution where the full one is 224, ``w`` the width.
        """
        depths, kernels, expansions = _lists(arch)
        fields = {
            "r": RESOLUTIONS[arch[0]],
            "w": WIDTHS[arch[1]],
            "d": [DEPTHS[choice] for choice in depths],
            "ks": [KERNELS[choice] for choice in kernels],
            "e": [EXPANSIONS[choice] for choice in expansions],
        }
        return json.dumps(fields)

    def decode(self, text: str) -> Arch:
        """Read the JSON; ``r`` and ``w`` may be left out.

        Raises:
            ValueError: names the field and the value that cannot be read.
        """
        fields = {**_DEFAULTS, **_object(text)}
        unknown = sorted(set(fields) - {*_DEFAULTS, *_LENGTHS})
        if unknown:
            raise ValueError(f"unknown field {unknown[0]!r}; known: r, w, d, ks, e")
        depths = _choices(fields, "d", DEPTHS)
        blocks = zip(
            _choices(fields, "ks", KERNELS), _choices(fields, "e", EXPANSIONS), strict=True
        )
        units = [
            (depth, *(choice for _ in range(MAX_DEPTH) for choice in next(blocks)))
            for depth in depths
        ]
        head = (_choice("r", fields["r"], RESOLUTIONS), _choice("w", fields["w"], WIDTHS))
        return (*head, *(choice for unit in units for choice in unit))

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The first of the class: blocks beyond the depth have the smallest choices."""
        require_equivalence("mobile", EQUIVALENCES, equivalence)
        if equivalence == "exact":
            return arch
        idle = set(_idle_places(arch))
        return tuple(0 if place in idle else choice for place, choice in enumerate(arch))

    def drawing(self, arch: Arch) -> Drawing:
        """A chain of feature maps; the arrows are the blocks, unit by unit."""
        blocks = [
            (f"unit {unit} block {place}", block)
            for unit, unit_blocks in enumerate(units_of(arch), 1)
            for place, block in enumerate(unit_blocks, 1)
        ]
        names = ["input", *(name for name, _ in blocks[:-1]), "output"]
        roles = {"input": "input", "output": "output"}
        nodes = tuple(
            Node(name, name.removeprefix("unit ").replace(" block ", "."), roles.get(name, "node"))
            for name in names
        )
        edges = tuple(
            Edge(source, target, f"{kernel}x{kernel}, expansion {expansion}", "mb_conv")
            for source, target, (_, (kernel, expansion)) in zip(
                names, names[1:], blocks, strict=False
            )
        )
        share = f"{RESOLUTIONS[arch[0]]}/{FULL_RESOLUTION}"
        return Drawing(nodes, edges, f"resolution {share}, width {WIDTHS[arch[1]]}")

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
            params: parameters of the network builder, such as ``resolution``.
        """
        arguments = {
            "units": units_of(arch),
            "width": WIDTHS[arch[1]],
            "image_channels": shape[0],
            "num_classes": num_classes,
            **params,
            "resolution": side(arch, int(str(params.get("resolution", DEFAULT_RESOLUTION)))),
        }
        return network_code("_mobile", self.encode(arch), arguments, shape=shape)


mobile = spaces.register(Mobile())


def side(arch: Arch, resolution: int) -> int:
    """Side of the images that the network sees, *resolution* being the full one."""
    return round(resolution * RESOLUTIONS[arch[0]] / FULL_RESOLUTION)


def units_of(arch: Arch) -> list[list[Block]]:
    """Kernel and expansion of the blocks of each unit that are there."""
    depths, kernels, expansions = _lists(arch)
    blocks = [
        (KERNELS[kernel], EXPANSIONS[expansion])
        for kernel, expansion in zip(kernels, expansions, strict=True)
    ]
    starts = range(0, NUM_UNITS * MAX_DEPTH, MAX_DEPTH)
    return [
        blocks[start : start + DEPTHS[depth]] for start, depth in zip(starts, depths, strict=True)
    ]


def _lists(arch: Arch) -> tuple[list[int], list[int], list[int]]:
    """Choices of depths, kernels and expansions, each in the order of units and blocks."""
    units = [arch[start : start + _PER_UNIT] for start in range(_HEAD, len(arch), _PER_UNIT)]
    return (
        [unit[0] for unit in units],
        [kernel for unit in units for kernel in unit[1::2]],
        [expansion for unit in units for expansion in unit[2::2]],
    )


def _idle_places(arch: Arch) -> Iterator[int]:
    """Places of choices for blocks beyond the depth of their unit."""
    for start in range(_HEAD, len(arch), _PER_UNIT):
        yield from range(start + 1 + 2 * DEPTHS[arch[start]], start + _PER_UNIT)


def _object(text: str) -> dict[str, object]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError('an arch is a JSON object such as {"d": [...], "ks": [...], "e": [...]}')
    return fields


def _choices(fields: Mapping[str, object], name: str, known: Sequence[float]) -> list[int]:
    values = fields.get(name)
    if not isinstance(values, list) or len(values) != _LENGTHS[name]:
        raise ValueError(f"{name} must be a list of {_LENGTHS[name]} numbers")
    return [_choice(f"{name}[{place}]", value, known) for place, value in enumerate(values)]


def _choice(where: str, value: object, known: Sequence[float]) -> int:
    if isinstance(value, bool) or value not in known:
        raise ValueError(f"{where}: {value!r} is none of {', '.join(map(str, known))}")
    return list(known).index(value)  # type: ignore[arg-type]  # it is one of them

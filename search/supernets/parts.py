"""Parts of a space: what is left of the choices of every decision.

Sub-supernets have a part each; together they have every architecture exactly once.
"""

from collections.abc import Sequence

from search.spaces import Arch, Space
from search.supernets.mix import counts_of

Part = tuple[tuple[int, ...], ...]  # for each decision the choices that are left, ascending


def whole(space: Space) -> Part:
    """All choices."""
    return tuple(tuple(range(count)) for count in counts_of(space))


def parts_by(part: Part, place: int, groups: Sequence[Sequence[int]]) -> list[Part]:
    """A part for each group of the choices of one decision.

    Args:
        part: what is divided.
        place: of the decision.
        groups: each choice that is left in exactly one of them.

    Raises:
        ValueError: a choice is in no group, or in several.
    """
    if sorted(choice for group in groups for choice in group) != list(part[place]):
        raise ValueError(f"each of the choices {part[place]} must be in one group: {groups}")
    return [(*part[:place], tuple(sorted(group)), *part[place + 1 :]) for group in groups]


def has(part: Part, arch: Arch) -> bool:
    """Whether the part has the architecture."""
    return all(choice in left for choice, left in zip(arch, part, strict=True))

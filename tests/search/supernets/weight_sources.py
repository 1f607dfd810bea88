"""Every weight source for every space, alone and one within another.

Sources of the registry join by themselves, and so do spaces; what a source of another kind needs
is written here, and a test says where one is missing.
"""

from functools import partial

from search.spaces import spaces
from search.supernets.parts import parts_by, whole
from search.supernets.recipes import recipes
from search.supernets.sharing import Dealt
from search.supernets.sources import sources
from search.supernets.sources._drawn_channels import DrawnChannels
from search.supernets.sources._transformed_kernels import TransformedKernels
from search.supernets.sources.generated import Generated
from search.supernets.sources.partitioned import Partitioned
from search.supernets.sources.routed import Routed
from search.supernets.splitting import Members


def parity(arch):
    return sum(arch) % 2


def partitioned(_space, inner):
    settings = {"num_groups": 2, "group_of": parity}
    return partial(Partitioned, inner=inner, is_private=lambda s: s.kind != "norm", **settings)


def dealt(space, inner):
    return partial(Dealt, inner=inner, space=space, num_groups=2)


def members(space, inner):
    all_of_it = whole(space)
    parts = parts_by(all_of_it, 0, [[choice] for choice in all_of_it[0]])
    return lambda slots, generator: Members([inner(slots, generator) for _ in parts], parts)


def routed(space, inner, level):
    return partial(Routed, inner=inner, space=space, level=level)


def generated(space, inner):
    return partial(Generated, inner=inner, space=space)


AROUND = {
    "partitioned": partitioned,
    "dealt": dealt,
    "members": members,
    "routed by layer": partial(routed, level="layer"),
    "routed by neuron": partial(routed, level="neuron"),
    "generated": generated,
}
NESTED = (
    ("members", "partitioned"),
    ("members", "routed by neuron"),
    ("members", "generated"),
    ("partitioned", "routed by layer"),
    ("partitioned", "generated"),
    ("routed by layer", "generated"),
    ("routed by neuron", "partitioned"),
    ("generated", "partitioned"),
    ("generated", "routed by neuron"),
)


def made(names, space):
    """The maker of sources within each other, the outermost first."""
    outer, *others = names
    if outer == "transformed":
        return partial(TransformedKernels, inner=made(others, space), space=space)
    if not others:
        return sources[outer] if outer in sources else partial(DrawnChannels, policy=outer)
    return AROUND[outer](space, made(others, space))


CASES = {
    " of ".join(names): names
    for names in (
        *((name,) for name in sources),
        *((policy,) for policy in ("chunk", "subset", "interpolated")),
        ("transformed", "entangled"),
        ("transformed", "chunk"),
        *((outer, name) for outer in AROUND for name in sources),
        *((outer, inner, "entangled") for outer, inner in NESTED),
    )
}


def missing_reason(case, name):
    """Why a source does not exist for a space, in the words of the recipe that has it, or None."""
    space = spaces[name]
    if name == "mobile" and case[-1] == "per_choice" and len(case) > 1:
        return "hundreds of millions of numbers; elastic_tiny has decisions of the same kinds"
    if "dealt" in case:
        return recipes["deeper_insights"]().unfit_reason(space)
    return recipes["hypernetwork"]().unfit_reason(space) if "generated" in case else None

"""Protocols by section of the list of methods; each module has its EFFECTS."""

from importlib import import_module

from benchmarks.effects.protocol import Effect

MODULES = (
    "bignas",
    "alphanet",
    "panda",
    "deeper_insights",
    "training_factors",
    "deps",
    "shiftnas",
    "splitting",
    "routed_experts",
    "hypernetwork",
    "nasbench201",
)


def effects() -> list[Effect]:
    """All, in the order of the report."""
    modules = (import_module(f"{__name__}.{name}") for name in MODULES)
    return [effect for module in modules for effect in module.EFFECTS]

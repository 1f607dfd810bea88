"""What a measure or a recipe declares of itself, shown where it is chosen."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import streamlit as st

from app import wording
from search.catalogue import Catalogue, Plugin, PluginKind

KINDS: dict[PluginKind, str] = {
    "proxy": "Proxy of the untrained network",
    "cost": "Cost",
    "training": "Trained alone",
    "inherited": "Inherited from a supernet",
}
RECIPE = "How a supernet is trained"
FINE_TUNED = "Trained on from a supernet"
DOUBTFUL = ("reconstruction", "memory")
NORMS = {
    "train": "statistics of the batch",
    "eval": "running statistics",
    "off": "left out",
    "none": "not run",
}


def popover(
    option: str, catalogue: Catalogue, key: str, kinds: Sequence[PluginKind] = tuple(KINDS)
) -> None:
    """A small help for what is chosen; *option* as the form names it."""
    with st.popover("About", icon=":material/help:", type="tertiary", width="stretch", key=key):
        st.markdown("\n\n".join(lines(option, catalogue, kinds)))


def lines(
    option: str, catalogue: Catalogue, kinds: Sequence[PluginKind] = tuple(KINDS)
) -> list[str]:
    """What is to be known of a measure, or of a plug-in of other *kinds*, as Markdown."""
    if option.startswith("table: "):
        return list(_of_table(option.removeprefix("table: "), catalogue))
    for kind in kinds:
        plugin = catalogue.plugin(kind, option)
        if plugin is not None:
            return list(_of_plugin(kind, plugin))
    return ["No living worker offers this."]


def _of_table(name: str, catalogue: Catalogue) -> Iterator[str]:
    table = catalogue.table(name.partition(" / ")[0])
    yield "**Looked up** in an imported benchmark: nothing is measured."
    if table is not None:
        num = wording.counted(table.num_archs, "architecture")
        yield f"{num} of {wording.plain(table.space)}."


def _of_plugin(kind: PluginKind, plugin: Plugin) -> Iterator[str]:
    traits = plugin.traits
    yield f"**{wording.plain(plugin.name)}**: {wording.plain(plugin.summary)}"
    evidence = str(traits.get("evidence", ""))
    if evidence in DOUBTFUL:
        yield f":orange-badge[{evidence}] Not taken from released code or a whole paper."
    yield "\n".join(f"- {label}: {wording.plain(value)}" for label, value in _facts(kind, traits))


def _facts(kind: PluginKind, traits: Mapping[str, Any]) -> list[tuple[str, str]]:
    better = {"maximize": "higher", "minimize": "lower"}
    norm = traits.get("batch_norm")
    told = (
        ("Kind", _kind(kind, traits)),
        ("Better", better.get(str(traits.get("direction")))),
        ("Unit", traits.get("unit")),
        ("Data", "" if kind == "recipe" else _data(traits)),
        ("Passes", traits.get("passes")),
        ("Batch norm", NORMS.get(str(norm), norm)),
        ("Numbers", traits.get("dtype")),
        ("Trains", ", ".join(traits.get("spaces") or ())),
        ("Does not train", "; ".join(f"{a} ({b})" for a, b in _unfit(traits).items())),
        ("No or little value", traits.get("fails_on")),
        ("Source", traits.get("source")),
        ("Evidence", traits.get("evidence")),
    )
    return [(label, str(value)) for label, value in told if value]


def _kind(kind: PluginKind, traits: Mapping[str, Any]) -> str:
    if kind == "training" and traits.get("needs_supernet"):
        return FINE_TUNED
    return RECIPE if kind == "recipe" else KINDS[kind]


def _unfit(traits: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = traits.get("unfit") or {}
    return found


def _data(traits: Mapping[str, Any]) -> str:
    """What it needs to know of the data set."""
    depends_on = traits.get("depends_on") or ()
    sort = str(traits.get("needs_data", "any"))
    what = "" if sort == "any" else f", {sort} only"
    if "dataset" in depends_on:
        return f"the whole data set with its labels{what}"
    if traits.get("needs_labels"):
        return f"a batch with its labels{what}"
    return f"a batch without labels{what}" if "data" in depends_on else f"none{what}"

"""From a search to the search that takes some of its architectures further.

Inherit, fine-tune, train alone or export: each is a search of listed architectures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app import checking
from search.catalogue import Catalogue

Draft = dict[str, Any]
Way = Literal["inherit", "fine_tune", "alone", "export"]
INHERITED = "supernet_accuracy"
FINE_TUNED = "fine_tuned_accuracy"
FORMATS = ("pytorch", "onnx")


@dataclass(frozen=True)
class Action:
    """What can be done with picked architectures.

    Attributes:
        metric: what the new search measures; empty for the training that fits the data.
        is_of_supernet: it begins with the supernet's weights.
    """

    label: str
    icon: str
    about: str
    metric: str = ""
    is_of_supernet: bool = True


ACTIONS: dict[Way, Action] = {
    "inherit": Action(
        "Inherit",
        ":material/family_history:",
        "Measure it on the test part with the weights that it inherits.",
        INHERITED,
    ),
    "fine_tune": Action(
        "Fine-tune",
        ":material/tune:",
        "Train its own copy of the inherited weights on.",
        FINE_TUNED,
    ),
    "alone": Action(
        "Train alone",
        ":material/fitness_center:",
        "Train it from new weights, as it would be used: what inherited accuracy should predict.",
        is_of_supernet=False,
    ),
    "export": Action(
        "Export",
        ":material/ios_share:",
        "PyTorch code and ONNX, checked against each other: with the weights that this search "
        "trained, else with the inherited ones.",
        INHERITED,
    ),
}


def uses_supernet(spec: Mapping[str, Any]) -> bool:
    """Whether a stored spec trains or reads a supernet."""
    return bool(spec.get("supernet"))


def trains_supernet(spec: Mapping[str, Any]) -> bool:
    """Whether a stored spec trains one."""
    return bool((spec.get("supernet") or {}).get("recipe"))


def makes_files(spec: Mapping[str, Any]) -> bool:
    """Whether a search of this stored spec leaves files."""
    return trains_supernet(spec) or bool(spec.get("export"))


def draft_of(
    spec: Mapping[str, Any],
    archs: Sequence[str],
    way: Way,
    digest: str | None,
    catalogue: Catalogue,
) -> Draft:
    """The search that takes these architectures further, to be looked over and submitted.

    Args:
        spec: of the search that found them.
        archs: in the space's text form.
        way: what is done.
        digest: of the supernet that the search used; None while there is none.
        catalogue: says what can be measured.
    """
    action = ACTIONS[way]
    metrics = [action.metric] if action.metric else []
    draft = checking.draft_of(spec, archs, catalogue, metrics)
    draft["name"] = f"{action.label}: {spec['name']}"[:120]
    if action.is_of_supernet and uses_supernet(spec):
        draft["supernet"] = {"checkpoint": digest or ""}
    if way == "export":
        trained = _trained(spec, catalogue)
        if trained is not None:
            draft["objectives"] = [trained]
        weights = (trained or {}).get("name") or draft["objectives"][0]["metric"]
        draft["export"] = {"weights": weights, "formats": list(FORMATS)}
    return draft


def _trained(spec: Mapping[str, Any], catalogue: Catalogue) -> Draft | None:
    """What the search has trained each architecture for: the weights that a person means."""
    parts = (part for part in spec.get("objectives") or () if isinstance(part, Mapping))
    found = next((p for p in parts if catalogue.plugin("training", str(p.get("metric")))), None)
    return {k: found[k] for k in ("name", "metric", "params") if found.get(k)} if found else None


def offered(catalogue: Catalogue, spec: Mapping[str, Any], digest: str | None) -> list[Way]:
    """The actions that would go through as they are filled in.

    Args:
        catalogue: what is offered.
        spec: of the search.
        digest: of the supernet that it used; None while there is none.
    """
    if not uses_supernet(spec):  # its networks can be written if it has trained them
        return ["export"] if _trained(spec, catalogue) else []
    known = {plugin.name for plugin in catalogue.plugins}
    return [
        way
        for way, action in ACTIONS.items()
        if (not action.metric or action.metric in known)
        and (digest is not None or not action.is_of_supernet)
    ]

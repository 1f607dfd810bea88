"""The place of an export in the form: listed architectures as files, with whose weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.forms import Form, Values
from search.catalogue import Catalogue

LISTED = "listed"
FORMATS = ("pytorch", "onnx")
ABOUT = (
    "Writes every listed architecture as PyTorch code with weights and as ONNX, checked against "
    "each other on real images. The files are on the search's page when it has ended."
)


def show(
    form: Form,
    draft: Mapping[str, Any],
    strategy: str,
    objectives: Sequence[Mapping[str, Any]],
    catalogue: Catalogue,
) -> Values:
    """Draw the export of *draft*; returned is what the fields say of it, if anything.

    Args:
        form: where it is drawn.
        draft: of the whole spec.
        strategy: the one chosen; only what is listed can be exported.
        objectives: as the form says them.
        catalogue: says which of them have weights.
    """
    given = draft.get("export")
    held: Values = dict(given) if isinstance(given, Mapping) else {}
    if strategy != LISTED and not held:
        return {}
    is_wanted = st.toggle("Export as files", value=bool(held), key=form.key("export"), help=ABOUT)
    form.place("export")
    if not is_wanted:
        return {}
    names = [name_of(part) for part in objectives if _has_weights(part, catalogue)]
    before = str(held.get("weights", ""))
    known = [*names, before] if before and before not in names else names
    left, right = st.columns(2, gap="medium")
    with left:
        weights = st.selectbox(
            "Weights of",
            known,
            index=known.index(before) if before in known else 0,
            key=form.key("export.weights"),
            placeholder="no objective has weights",
            disabled=not known,
            help="The objective whose weights are written: inherited, fine-tuned or trained.",
        )
        form.place("export.weights")
    with right:
        formats = st.multiselect(
            "Formats",
            FORMATS,
            default=[one for one in FORMATS if one in held.get("formats", FORMATS)],
            key=form.key("export.formats"),
        )
        form.place("export.formats")
    return {"export": {"weights": weights or "", "formats": formats}}


def name_of(objective: Mapping[str, Any]) -> str:
    """An objective's name, which is its measure's unless it says otherwise."""
    return str(objective.get("name") or objective.get("metric", ""))


def _has_weights(objective: Mapping[str, Any], catalogue: Catalogue) -> bool:
    metric = str(objective.get("metric", ""))
    return any(catalogue.plugin(kind, metric) for kind in ("inherited", "training"))

"""The form of a whole spec: what to search, what to optimise, how, and for how long."""

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from app import about_metric, export_form, forms, supernet_form, warm_form, wording
from app.forms import Form, Values
from search.catalogue import Catalogue, Plugin, PluginKind

Visibility = Literal["visible", "collapsed"]
TABLE = "table"
METRIC_KINDS: tuple[PluginKind, ...] = ("proxy", "cost", "training", "inherited")
NOTED_KINDS: dict[PluginKind, str] = {
    "training": "trained alone",
    "inherited": "inherited",
}  # said beside the name
FINE_TUNED = "fine-tuned"
OWN = ""  # not None: a list whose choice is None could be cleared
DIRECTIONS = {OWN: "as declared", "maximize": "higher is better", "minimize": "lower is better"}
CONSTRAINTS = ("none", "at least", "at most")


def show(form: Form, draft: Mapping[str, Any], catalogue: Catalogue) -> Values:
    """Draw every field from *draft*; returned is the draft as the fields now say it."""
    name = st.text_input(
        "Name", value=str(draft.get("name", "")), max_chars=120, key=form.key("name")
    )
    form.place("name")
    st.subheader("1  What to search", anchor=False, divider="gray")
    content: Values = {"name": name, **_what(form, draft, catalogue)}
    st.subheader("2  What to optimise", anchor=False, divider="gray")
    content["objectives"] = _objectives(form, draft, catalogue, content["space"]["name"])
    st.subheader("3  How", anchor=False, divider="gray")
    content["strategy"] = _plugin(form, "strategy", "Method", draft.get("strategy"), catalogue)
    names = [option_of(part) for part in content["objectives"]]
    strategy = content["strategy"]["name"]
    content.update(warm_form.show(form, draft, strategy, names, catalogue))
    content.update(supernet_form.show(form, draft, content["space"]["name"], names, catalogue))
    content.update(export_form.show(form, draft, strategy, content["objectives"], catalogue))
    st.subheader("4  Budget", anchor=False, divider="gray")
    content.update(_budget(form, draft, catalogue))
    return content


def metric_options(catalogue: Catalogue, space: str) -> list[str]:
    """Everything that can be an objective in a space, as the form names it."""
    names = [p.name for kind in METRIC_KINDS for p in catalogue.plugins if p.kind == kind]
    columns = [
        f"{TABLE}: {table.name} / {column.name}"
        for table in catalogue.tables
        if table.space == space
        for column in table.columns
    ]
    return [*names, *columns]


def option_of(objective: Mapping[str, Any]) -> str:
    """The option that stands for an objective of a draft."""
    params = objective.get("params") or {}
    if objective.get("metric") == TABLE:
        return f"{TABLE}: {params.get('table')} / {params.get('column')}"
    return str(objective.get("metric", ""))


def as_objective(part: object) -> Values:
    """An objective of a draft, which may be a bare name, as a mapping."""
    if isinstance(part, Mapping):
        return {**part}
    return {"metric": str(part)}


def _what(form: Form, draft: Mapping[str, Any], catalogue: Catalogue) -> Values:
    left, right = st.columns(2, gap="medium")
    with left:
        space = _plugin(form, "space", "Space", draft.get("space"), catalogue)
        network = catalogue.plugin("network", space["name"])
        before = draft.get("space")
        is_same = isinstance(before, Mapping) and before.get("name") == space["name"]
        params = dict(draft.get("network") or {}) if is_same else {}
        if network is not None and network.parameters.get("properties"):
            with st.expander("Network"):
                params = forms.parameters(
                    form, "network", network.name, network.parameters, params
                )
    with right:
        given = dict(draft.get("data") or {})
        data = _plugin(form, "data", "Data", given, catalogue, kind="dataset")
        data["batch_size"] = st.number_input(
            "Images in the batch",
            value=int(given.get("batch_size", 64)),
            step=1,
            key=form.key("data.batch_size"),
            help="Scores are measured on one batch of so many images.",
        )
        form.place("data.batch_size")
    return {"space": space, **({"network": params} if params else {}), "data": data}


def _plugin(
    form: Form,
    path: str,
    label: str,
    given: object,
    catalogue: Catalogue,
    kind: str | None = None,
) -> Values:
    """A choice of a plug-in with its parameters."""
    held_choice: Values = dict(given) if isinstance(given, Mapping) else {"name": given}
    offered = [plugin for plugin in catalogue.plugins if plugin.kind == (kind or path)]
    name = forms.choice(
        form,
        f"{path}.name",
        label,
        [plugin.name for plugin in offered],
        held_choice.get("name"),
        summaries={plugin.name: _summary(plugin) for plugin in offered},
    )
    plugin = next((p for p in offered if p.name == name), None)
    held = dict(held_choice.get("params") or {}) if held_choice.get("name") == name else {}
    params = held
    if plugin is not None and (plugin.parameters.get("properties") or held):
        params = _columned(form, f"{path}.params", plugin, held)
    return {"name": name, **({"params": params} if params else {})}


def _columned(form: Form, path: str, plugin: Plugin, held: Values) -> Values:
    with st.expander("Parameters", expanded=bool(held) or plugin.kind == "strategy"):
        return forms.parameters(form, path, plugin.name, plugin.parameters, held)


def _summary(plugin: Plugin) -> str:
    if plugin.traits.get("available", True):
        return plugin.summary
    return f"{plugin.summary} Not available: {plugin.traits.get('reason', 'unknown why')}."


def _objectives(
    form: Form, draft: Mapping[str, Any], catalogue: Catalogue, space: str
) -> list[Values]:
    given = draft.get("objectives")
    parts = [as_objective(part) for part in given] if isinstance(given, list | tuple) else []
    options = metric_options(catalogue, space)
    form.place("objectives")
    chosen = [
        _objective(form, place, part, options, catalogue) for place, part in enumerate(parts)
    ]
    kept = [part for part in chosen if not part.pop("removed", False)]
    if st.button("Add an objective", icon=":material/add:", key=form.key("add")):
        used = {option_of(part) for part in kept}
        fresh = next((option for option in options if option not in used), None)
        if fresh is not None:
            kept.append(_named(fresh))
    return kept


def _objective(
    form: Form, place: int, part: Values, options: list[str], catalogue: Catalogue
) -> Values:
    path = f"objectives.{place}"
    is_one_of_many = place > 0
    visibility: Visibility = "collapsed" if is_one_of_many else "visible"
    cells = st.columns(
        (2.65, 2.05, 1.15, 1.25, 1.05, 0.5), vertical_alignment="bottom", gap="small"
    )
    held = option_of(part)
    known = options if held in options else [*options, held]
    option = cells[0].selectbox(
        "Measure",
        known,
        index=known.index(held),
        format_func=lambda one: _with_kind(one, catalogue),
        key=form.key(f"{path}.metric"),
        label_visibility=visibility,
    )
    direction = cells[1].selectbox(
        "Better",
        list(DIRECTIONS),
        index=list(DIRECTIONS).index(str(part.get("direction")))
        if part.get("direction") in DIRECTIONS
        else 0,
        format_func=lambda one: DIRECTIONS[one] if one else _declared(option, catalogue),
        key=form.key(f"{path}.direction.{option}"),
        label_visibility=visibility,
    )
    sign = cells[2].selectbox(
        "Constraint",
        CONSTRAINTS,
        index=1
        if part.get("at_least") is not None
        else 2
        if part.get("at_most") is not None
        else 0,
        key=form.key(f"{path}.sign"),
        label_visibility=visibility,
    )
    bound = cells[3].number_input(
        "Bound",
        value=part.get("at_least") if part.get("at_least") is not None else part.get("at_most"),
        format="%.6g",
        key=form.key(f"{path}.bound"),
        disabled=sign == "none",
        placeholder="none" if sign == "none" else "number",
        label_visibility=visibility,
    )
    with cells[4]:
        about_metric.popover(option, catalogue, form.key(f"{path}.about"))
    removed = cells[5].button(
        "",
        icon=":material/delete:",
        key=form.key(f"{path}.remove"),
        help="Remove this objective",
    )
    for name in ("metric", "direction", "at_least", "at_most", "name"):
        form.place(f"{path}.{name}")
    form.place(path)
    made = _named(option) if option != held else {k: v for k, v in part.items() if k in _KEPT}
    made.update(_constraint(sign, bound))
    if direction:
        made["direction"] = direction
    params = _metric_params(form, path, option, made.get("params") or {}, catalogue)
    return {**made, **({"params": params} if params else {}), "removed": removed}


_KEPT = ("name", "metric", "params")


def _constraint(sign: str, bound: float | None) -> Values:
    if sign == "none" or bound is None:
        return {}
    return {"at_least" if sign == "at least" else "at_most": bound}


def _metric_params(
    form: Form, path: str, option: str, held: Values, catalogue: Catalogue
) -> Values:
    """The parameters of a measure, folded away: most have none."""
    found = (catalogue.plugin(kind, option) for kind in METRIC_KINDS)
    plugin = next((plugin for plugin in found if plugin is not None), None)
    if plugin is None or not plugin.parameters.get("properties"):
        return held
    with st.expander(f"Parameters of {wording.plain(option)}"):
        return forms.parameters(form, f"{path}.params", plugin.name, plugin.parameters, held)


def _with_kind(option: str, catalogue: Catalogue) -> str:
    """A measure as the list shows it: with its kind where it costs so much more."""
    for kind, note in NOTED_KINDS.items():
        plugin = catalogue.plugin(kind, option)
        if plugin is not None:
            is_tuned = kind == "training" and plugin.traits.get("needs_supernet")
            return f"{option} ({FINE_TUNED if is_tuned else note})"
    return option


def _declared(option: str, catalogue: Catalogue) -> str:
    """The direction that a measure has of its own, in words."""
    direction = None
    if option.startswith(f"{TABLE}: "):
        name, _, column = option.removeprefix(f"{TABLE}: ").partition(" / ")
        table = catalogue.table(name)
        columns = {c.name: c.direction for c in table.columns} if table else {}
        direction = columns.get(column)
    for kind in METRIC_KINDS:
        plugin = catalogue.plugin(kind, option)
        direction = plugin.traits.get("direction") if plugin else direction
    return f"{DIRECTIONS[direction]} (its own)" if direction in DIRECTIONS else DIRECTIONS[OWN]


def _named(option: str) -> Values:
    if not option.startswith(f"{TABLE}: "):
        return {"metric": option}
    name, _, column = option.removeprefix(f"{TABLE}: ").partition(" / ")
    return {"metric": TABLE, "params": {"table": name, "column": column}}


def _budget(form: Form, draft: Mapping[str, Any], catalogue: Catalogue) -> Values:
    given = dict(draft.get("budget") or {})
    cells = st.columns(4, gap="small")
    budget: Values = {}
    fields = (
        ("trials", "Trials", 1, "Stop after so many architectures."),
        ("minutes", "Minutes", None, "Stop after so much running time."),
        ("clock_s", "Simulated seconds", None, "Needs a benchmark with a clock."),
        (
            "trial_timeout_s",
            "Seconds a trial",
            None,
            "A trial that takes longer has failed; a training may take so long for each epoch.",
        ),
    )
    for cell, (name, label, step, about) in zip(cells, fields, strict=True):
        with cell:
            value = given.get(name)
            budget[name] = st.number_input(
                label,
                value=int(value) if step and value is not None else _real(value),
                step=step,
                format=None if step else "%.6g",
                placeholder="600" if name == "trial_timeout_s" else "no limit",
                key=form.key(f"budget.{name}"),
                help=about,
            )
            form.place(f"budget.{name}")
    form.place("budget")
    cells = st.columns(4, gap="small")
    content: Values = {"budget": {k: v for k, v in budget.items() if v is not None}}
    for cell, (name, label, default, about) in zip(
        cells,
        (
            ("seed", "Seed", 0, "Equal specs with equal seeds give equal trials."),
            ("seeds", "Seeds", 1, "So many searches on consecutive seeds, as one group."),
        ),
        strict=False,
    ):
        with cell:
            content[name] = st.number_input(
                label, value=int(draft.get(name, default)), step=1, key=form.key(name), help=about
            )
            form.place(name)
    with cells[2]:
        types = sorted({device.type for device in catalogue.devices}) or ["cpu"]
        content["device"] = forms.choice(
            form, "device", "Device", types, draft.get("device", types[0])
        )
    with cells[3]:
        content["control"] = st.toggle(
            "Random control",
            value=bool(draft.get("control", False)),
            key=form.key("control"),
            help="Beside each seed a random search of equal budget, so that the page can say how "
            "sure one can be that the search beat chance. Doubles the trials; a supernet is "
            "trained once for both.",
        )
        form.place("control")
    return content


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

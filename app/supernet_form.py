"""The place of a supernet in the form: none, one that is trained first, or one that is there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app import about_metric, forms, pages, wording
from app.forms import Form, Values
from search.catalogue import Catalogue, CheckpointInfo, Plugin
from search.spec import SupernetUse

NONE, TRAIN, USE = "none", "train a new one", "use a trained one"
USUAL = SupernetUse.model_construct()  # what a form leaves out
INHERITED = "supernet_validation_accuracy"
ABOUT = (
    "One network for the whole space: every architecture inherits weights from it, so that its "
    "accuracy is known without training it. Objectives that begin with supernet read it."
)


def show(
    form: Form, draft: Mapping[str, Any], space: str, names: Sequence[str], catalogue: Catalogue
) -> Values:
    """Draw the supernet of *draft*; returned is what the fields say of it, if anything.

    Args:
        form: where it is drawn.
        draft: of the whole spec.
        space: the one chosen.
        names: the measures of the objectives.
        catalogue: says which spaces have a supernet, which recipes there are, and what is trained.
    """
    given = draft.get("supernet")
    held: Values = dict(given) if isinstance(given, Mapping) else {}
    if not held and space not in catalogue.names("mixture"):
        return {}
    left, right = st.columns(2, gap="medium")
    with left:
        options = [NONE, TRAIN, USE]
        way = st.selectbox(
            "Supernet",
            options,
            index=options.index(_way(held)),
            key=form.key("supernet.way"),
            help=ABOUT,
        )
        form.place("supernet")
    if way == NONE:
        return {}
    with right:
        chosen = (
            _recipe(form, held, space, catalogue)
            if way == TRAIN
            else _checkpoint(form, held, space, catalogue)
        )
    if way == TRAIN:
        chosen = {**_params(form, held, chosen, catalogue), **_watched(form, held)}
    _remind(form, names, catalogue)
    return {"supernet": chosen}


def checkpoint_words(info: CheckpointInfo, now: datetime) -> str:
    """A trained supernet in one line, as a list shows it."""
    age = wording.ago(_moment(info.created_at), now)
    trained = f"{info.recipe}, {wording.steps(info.steps, info.num_steps)} on {info.dataset}"
    name = f"{info.name}: " if info.name else ""
    imported = "imported " if info.job_id is None else ""
    return f"{name}{trained}, {imported}{age}, {wording.size(info.size_bytes)}"


def changed(params: Mapping[str, Any], recipe: str, catalogue: Catalogue) -> str:
    """What differs from the authors' settings, in words; empty when nothing does."""
    plugin = catalogue.plugin("recipe", recipe)
    properties = plugin.parameters.get("properties", {}) if plugin else {}
    return ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in params.items()
        if name not in properties or properties[name].get("default") != value
    )


def _way(held: Values) -> str:
    if not held:
        return NONE
    return USE if held.get("checkpoint") is not None else TRAIN


def _recipe(form: Form, held: Values, space: str, catalogue: Catalogue) -> Values:
    """The choice of a recipe; those that fit the space come first."""
    plugins = {plugin.name: plugin for plugin in catalogue.plugins if plugin.kind == "recipe"}
    unfit = {name: p.traits.get("unfit", {}).get(space, "") for name, p in plugins.items()}
    given = held.get("recipe")
    before = str(given.get("name", "")) if isinstance(given, Mapping) else ""
    known = sorted(plugins, key=lambda name: bool(unfit[name]))
    if before and before not in known:
        known.append(before)
    cells = st.columns((3, 1), vertical_alignment="bottom")
    name = cells[0].selectbox(
        "Recipe",
        known,
        index=known.index(before) if before in known else 0,
        format_func=lambda one: f"{one} (not for {space})" if unfit.get(one) else one,
        key=form.key("supernet.recipe.name"),
        placeholder="none offered",
    )
    with cells[1]:
        about_metric.popover(name or "", catalogue, form.key("supernet.recipe.about"), ("recipe",))
    form.place("supernet.recipe")
    form.place("supernet.recipe.name")
    if name in plugins:
        st.caption(wording.plain(plugins[name].summary) + _label(plugins[name]))
    return {"recipe": {"name": name or ""}}


def _label(plugin: Plugin) -> str:
    """What must be said of a recipe wherever it is chosen."""
    evidence = str(plugin.traits.get("evidence", ""))
    return f" :orange-badge[{evidence}]" if evidence in about_metric.DOUBTFUL else ""


def _params(form: Form, held: Values, chosen: Values, catalogue: Catalogue) -> Values:
    name = chosen["recipe"]["name"]
    given = held.get("recipe")
    before: Values = dict(given) if isinstance(given, Mapping) else {}
    params = dict(before.get("params") or {}) if before.get("name") == name else {}
    plugin = catalogue.plugin("recipe", name)
    if plugin is None:
        return {"recipe": {"name": name, **({"params": params} if params else {})}}
    with st.expander(f"Parameters of {wording.plain(name)}", expanded=True):
        _authors(form, plugin, params)
        path = "supernet.recipe.params"
        params = forms.parameters(form, path, name, plugin.parameters, params, num_columns=3)
    return {"recipe": {"name": name, **({"params": params} if params else {})}}


def _authors(form: Form, plugin: Plugin, params: Mapping[str, Any]) -> None:
    """What was changed of the authors' settings, and the way back to them."""
    properties = plugin.parameters.get("properties", {})
    changed = [
        f"{name.replace('_', ' ')} {properties[name].get('default')}"
        for name in params
        if name in properties
    ]
    if not changed:
        st.caption("These are the authors' settings: for data sets such as CIFAR-10 or ImageNet.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"The authors' settings: {wording.plain(', '.join(changed))}.")
        st.button(
            "Take the authors' settings",
            icon=":material/undo:",
            type="tertiary",
            key=form.key("supernet.recipe.authors"),
            on_click=_take_authors,
        )


def _take_authors() -> None:
    use = st.session_state["draft"]["supernet"]
    use["recipe"] = {"name": use["recipe"]["name"]}
    st.session_state["edition"] += 1


def _watched(form: Form, held: Values) -> Values:
    """What is held out and what is followed; left out where it is as usual."""
    fields = (
        (
            "validation_share",
            "Held out",
            "Share of the training images that the supernet is not trained on: a search chooses "
            "by them. The same images for every recipe and seed.",
        ),
        (
            "probes",
            "Probes",
            "Architectures whose inherited accuracy is followed, the same for every seed: the "
            "ranking tab rests on them. At most 256.",
        ),
        (
            "looks",
            "Looks",
            "How often during the training the probes are looked at. Every look runs every probe "
            "over at most 1,000 of the images held out, and over 512 training images where its "
            "norms are recalibrated.",
        ),
        (
            "looks_at_end",
            "Looks at the end",
            "After each of so many last epochs there is a look besides, for the rank correlation "
            "between consecutive epochs. Each costs as much as any look; 0 for none.",
        ),
        (
            "steps_at_end",
            "Looks at the last steps",
            "After each of so many last steps there is a look besides, which shows how much a "
            "single step changes of a ranking. Each costs as much as any look. At most 128.",
        ),
        (
            "kept",
            "Kept on the way",
            "Checkpoints before the end, evenly spread: other searches can use them while the "
            "training goes on. Each is a file of the supernet's size. At most 20.",
        ),
        (
            "crop_padding",
            "Padding before crops",
            "Training images get so many black pixels on each side and are cropped anywhere; "
            "0 for none.",
        ),
    )
    values: Values = {}
    with st.expander("What is held out, followed and changed of the images"):
        rows = [st.columns(4, vertical_alignment="bottom") for _ in range(2)]
        cells = [cell for row in rows for cell in row][: len(fields) + 1]
        for cell, (name, label, about) in zip(cells, fields, strict=False):
            with cell:
                value = held.get(name, getattr(USUAL, name))
                is_share = name == "validation_share"
                values[name] = st.number_input(
                    label,
                    value=float(value) if is_share else int(value),
                    step=0.05 if is_share else 1,
                    key=form.key(f"supernet.{name}"),
                    help=about,
                )
                form.place(f"supernet.{name}")
        with cells[-1]:
            values["flip"] = st.toggle(
                "Mirror",
                value=bool(held.get("flip", USUAL.flip)),
                key=form.key("supernet.flip"),
                help="Half of the training images are mirrored, left for right.",
            )
            form.place("supernet.flip")
    return {name: value for name, value in values.items() if value != getattr(USUAL, name)}


def _checkpoint(form: Form, held: Values, space: str, catalogue: Catalogue) -> Values:
    """The choice of a trained supernet, those of the space first."""
    before = held.get("checkpoint")
    now = datetime.now(UTC)
    found = {info.digest: info for info in catalogue.checkpoints if info.space == space}
    held_info = catalogue.checkpoint(str(before)) if before else None
    if held_info is not None:
        found.setdefault(held_info.digest, held_info)
    known = list(found)
    if before and before not in known:
        known.append(str(before))
    digest = st.selectbox(
        "Trained supernet",
        known,
        index=known.index(before) if before in known else 0,
        format_func=lambda one: checkpoint_words(found[one], now) if one in found else one,
        key=form.key("supernet.checkpoint"),
        placeholder="none yet",
        disabled=not known,
    )
    form.place("supernet.checkpoint")
    if digest is None:
        st.caption(
            f"Nobody has trained a supernet of {wording.plain(space)} yet: choose *{TRAIN}*."
        )
    elif digest in found:
        _of_checkpoint(found[digest], catalogue)
    return {"checkpoint": digest or ""}


def _of_checkpoint(info: CheckpointInfo, catalogue: Catalogue) -> None:
    params = changed(info.recipe_params, info.recipe, catalogue)
    network = ", ".join(f"{name} {value}" for name, value in info.network.items())
    told = [
        f"space {info.space}" + (f" ({network})" if network else ""),
        f"recipe {info.recipe}" + (f" ({params})" if params else " (the authors' settings)"),
        f"hash {info.digest[:8]}",
    ]
    st.caption(wording.plain("; ".join(told)))
    if info.job_id is not None:
        pages.link(
            "search", "The search that trained it", icon=":material/open_in_new:", id=info.job_id
        )


def _remind(form: Form, names: Sequence[str], catalogue: Catalogue) -> None:
    """A supernet that no objective reads is trained for nothing."""
    readers = {plugin.name for plugin in catalogue.plugins if plugin.traits.get("needs_supernet")}
    if readers & set(names) or INHERITED not in readers:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("No objective reads the supernet.", width="content")
        st.button(
            f"Add {INHERITED.replace('_', ' ')}",
            icon=":material/add:",
            type="tertiary",
            key=form.key("supernet.objective"),
            on_click=_add_objective,
        )


def _add_objective() -> None:
    draft = st.session_state["draft"]
    draft["objectives"] = [{"metric": INHERITED}, *draft["objectives"]]
    st.session_state["edition"] += 1


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""New search: four short sections, the same as YAML, and a summary that stays in sight."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
import yaml

from app import cached, estimates, pages, presets, spec_form, wording
from app.estimates import Estimate
from app.forms import Form
from app.supernet_presets import PREFIX
from app.views import _new_origin
from app.views._new_origin import Origin
from app.views.home import no_worker
from db import jobs
from db.session import reading
from search.catalogue import Catalogue
from search.errors import SpecError
from search.mending import checked
from search.spec import Submission, parse_submission, read_yaml
from workers import queue

FORM, YAML = "Form", "YAML"
MAX_FILE_MB = 1
WAIT_S = 3
WIDTHS = (2.4, 1)  # of the form and of its summary
SUPERNETS = "supernets"  # the list of presets that train one
NEW = "new_search"  # where the draft is kept while it is edited


def show() -> None:
    """The page."""
    catalogue = cached.offered()
    _begin(catalogue)
    title, mode = st.columns(WIDTHS, gap="large", vertical_alignment="center")
    title.title("New search", anchor=False)
    with mode:
        view = st.segmented_control(
            "Edit as",
            [FORM, YAML],
            default=FORM,
            required=True,
            key="as",
            bind="query-params",
            label_visibility="collapsed",
            on_change=_renew,
        )
    if not catalogue.plugins:
        no_worker()
        _wait_for_worker()
    _sources(catalogue)
    left, right = st.columns(WIDTHS, gap="large")
    with right:
        summary = st.container(border=True, key="summary")
    with left:
        submission, errors = _edit(view or FORM, catalogue)
    with summary:
        _summary(submission, errors, catalogue)


@st.fragment(run_every=WAIT_S)
def _wait_for_worker() -> None:
    """Fill the form as soon as somebody says what can be chosen."""
    if cached.offered().plugins:
        st.rerun()


def _begin(catalogue: Catalogue) -> None:
    """Start from another search, or from something that can be submitted as it stands."""
    origin = _new_origin.read()
    known = st.session_state.get("draft_origin", Origin())
    if known != origin or "draft" not in st.session_state:
        draft = _new_origin.draft(origin, catalogue)
        _replace(draft if draft is not None else presets.blank(catalogue))
        st.session_state["draft_origin"] = origin
    elif not st.session_state["draft"].get("objectives") and catalogue.plugins:
        typed = {"name": name} if (name := st.session_state["draft"].get("name")) else {}
        _replace({**presets.blank(catalogue), **typed})  # the first worker has come since


def _replace(draft: Mapping[str, Any]) -> None:
    st.session_state["draft"] = dict(draft)
    _renew()


def _renew() -> None:
    """Let every widget start again from the draft."""
    st.session_state["edition"] = st.session_state.get("edition", 0) + 1


def _sources(catalogue: Catalogue) -> None:
    """Presets and files: both replace the draft."""
    found = presets.presets(catalogue)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption("Begin with:", width="content")
        of_supernets = {name: draft for name, draft in found.items() if name.startswith(PREFIX)}
        for name, draft in found.items():
            if name not in of_supernets:
                _preset(name, name, draft)
        if of_supernets:
            with st.popover(
                "supernet",
                icon=":material/hub:",
                type="tertiary",
                key=SUPERNETS,
                on_change="rerun",
            ):
                st.caption("Train a supernet by one of these recipes, quickly, then search it:")
                with st.container(height=320, border=False, gap="xxsmall"):
                    for name, draft in of_supernets.items():
                        recipe = str(draft["supernet"]["recipe"]["name"])
                        plugin = catalogue.plugin("recipe", recipe)
                        _preset(
                            name.removeprefix(PREFIX),
                            name,
                            draft,
                            plugin.summary if plugin else "",
                        )
        with st.popover("Import a file", icon=":material/upload_file:", type="tertiary"):
            st.file_uploader(
                "A spec as YAML or JSON",
                type=["yaml", "yml", "json"],
                key="spec_file",
                max_upload_size=MAX_FILE_MB,
                on_change=_import,
            )


def _preset(label: str, name: str, draft: Mapping[str, Any], about: str = "") -> None:
    st.button(
        label,
        key=f"preset_{name}",
        type="tertiary",
        help=wording.plain(about) or None,
        on_click=_begin_with,
        args=(draft,),
    )


def _begin_with(draft: Mapping[str, Any]) -> None:
    """Take a preset, and close the list that it was chosen from."""
    st.session_state[SUPERNETS] = False
    _replace(draft)


def _import() -> None:
    upload = st.session_state["spec_file"]
    if upload is None:
        return
    try:
        content = yaml.safe_load(upload.getvalue().decode("utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        content = None
    if not isinstance(content, dict):
        st.session_state["import_error"] = f"{upload.name} is no spec in YAML or JSON."
        return
    st.session_state.pop("import_error", None)
    _replace(content)


def _edit(view: str, catalogue: Catalogue) -> tuple[Submission | None, dict[str, str]]:
    if message := st.session_state.get("import_error"):
        st.error(wording.plain(message), icon=":material/error:")
    if view == YAML:
        return _edit_yaml(catalogue)
    return _edit_form(catalogue)


def _edit_form(catalogue: Catalogue) -> tuple[Submission | None, dict[str, str]]:
    before = st.session_state["draft"]
    form = Form(st.session_state["edition"])
    draft = spec_form.show(form, before, catalogue)
    st.session_state["draft"] = draft
    if len(draft["objectives"]) != len(before.get("objectives") or ()):
        _renew()
        st.rerun()
    submission, errors = _checked(lambda: draft, catalogue)
    return submission, form.tell(errors) if catalogue.plugins else {}


def _edit_yaml(catalogue: Catalogue) -> tuple[Submission | None, dict[str, str]]:
    edition = st.session_state["edition"]
    with st.container(key="yaml"):
        text = st.text_area(
            "The spec as YAML",
            value=_as_yaml(st.session_state["draft"]),
            height=520,
            key=f"yaml{edition}",
            help="The same search as in the form. Ctrl+Enter takes over what you typed.",
        )
    submission, errors = _checked(lambda: read_yaml(text), catalogue)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None
    if isinstance(content, dict):
        st.session_state["draft"] = content
    return submission, errors


def _as_yaml(draft: Mapping[str, Any]) -> str:
    """The draft as people write it: empty parts and usual values left out."""
    usual = {"seed": 0, "seeds": 1, "device": "cpu", "version": 1, "control": False}
    written = {key: value for key, value in draft.items() if usual.get(key) != value}
    return yaml.safe_dump(_new_origin.pruned(written), sort_keys=False, allow_unicode=True)


def _checked(
    read: Callable[[], object], catalogue: Catalogue
) -> tuple[Submission | None, dict[str, str]]:
    """What is described, or every message at once, as far as one can judge without a worker."""
    try:
        content = read()
        submission = (
            checked(content, catalogue) if catalogue.plugins else parse_submission(content)
        )
    except SpecError as error:
        return None, error.fields
    return submission, {}


def _summary(
    submission: Submission | None, errors: Mapping[str, str], catalogue: Catalogue
) -> None:
    st.subheader("Summary", anchor=False)
    if submission is None and not catalogue.plugins:
        st.markdown("The form fills itself as soon as a worker has said what it can run.")
    elif submission is None:
        where = " The messages stand at their fields." if not errors else ""
        st.markdown(f":red[:material/error: Something is not right yet.]{where}")
        for path, message in errors.items():
            st.markdown(
                f":red[{wording.plain(path)}{': ' if path else ''}{wording.plain(message)}]"
            )
    else:
        with reading() as session:
            found = estimates.estimate(session, submission, catalogue)
        st.markdown("\n".join(f"- {line}" for line in summary_lines(submission, found)))
    clicked = st.button(
        "Submit" if submission is None or submission.seeds == 1 else f"Submit {submission.seeds}",
        icon=":material/send:",
        type="primary",
        width="stretch",
        disabled=submission is None or not catalogue.plugins,
        key="submit",
    )
    if clicked and submission is not None:
        _submit(submission)
    if st.session_state.get("as") != YAML:
        with st.expander("The same as YAML"):
            st.code(_as_yaml(st.session_state["draft"]), language="yaml")


def summary_lines(submission: Submission, found: Estimate) -> list[str]:
    """What will happen, in words; Markdown."""
    num = found.num_evaluations
    lines = [
        "as many evaluations as the time allows"
        if num is None
        else f"about **{wording.counted(num, 'evaluation')}**"
        + (f" for each of {submission.seeds} seeds" if submission.seeds > 1 else "")
    ]
    lines += _training(submission, found)
    if submission.warm_start is not None:
        pool = wording.count(submission.warm_start.pool)
        lines.append(f"before them a pool of up to **{pool}**, scored for one objective only")
    if found.share_known > 0:
        lines.append(
            f"about **{wording.share(found.share_known)}** of the scores are known already"
        )
    lines.append(
        "how long it takes is not known yet: nobody has measured this before"
        if found.seconds is None
        else f"about **{wording.plain(wording.duration(found.seconds))}** on one worker"
        + (" for each seed" if submission.seeds > 1 else "")
    )
    ahead = found.num_ahead
    lines.append(
        "next in the queue"
        if not ahead
        else f"{wording.counted(ahead, 'search')} {'waits' if ahead == 1 else 'wait'} ahead"
    )
    if submission.seeds > 1:
        lines.append(f"**{submission.seeds} searches** of one group")
    if submission.control:
        also = submission.supernet is not None and submission.supernet.recipe is not None
        tail = ", on the same trained supernet" if also else ""
        controls = wording.counted(submission.seeds, "random control")
        lines.append(f"**{controls}** of equal budget{tail}")
    return lines


def _training(submission: Submission, found: Estimate) -> list[str]:
    """What the training of a supernet adds."""
    use = submission.supernet
    if use is None:
        return []
    if use.recipe is None:
        return ["with the weights of a trained supernet: nothing is trained before"]
    name = wording.plain(use.recipe.name)
    if found.training_s is None:
        return [
            f"before them a supernet is trained by {name}; how long that takes is not known yet: "
            "nobody has trained this space by it on this data before"
        ]
    took = wording.plain(wording.duration(found.training_s))
    tail = "; the limit in minutes does not count it" if submission.budget.minutes else ""
    return [f"before them a supernet is trained by {name}: about **{took}**{tail}"]


def _submit(submission: Submission) -> None:
    origin = st.session_state.get("draft_origin", Origin())
    try:
        ids = queue.submit(submission, cloned_from=origin.job_id or None)
    except SpecError as error:
        for path, message in error.fields.items():
            st.error(wording.plain(f"{path}: {message}" if path else message))
        return
    for key in ("draft", "draft_origin"):
        st.session_state.pop(key, None)
    if len(ids) == 1:
        pages.go("search", id=ids[0])
    with reading() as session:
        group = jobs.job(session, ids[0]).group_id
    pages.go("searches", group=group)

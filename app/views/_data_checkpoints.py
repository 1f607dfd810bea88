"""Trained supernets on the Data page: what each is, and which searches use it."""

from datetime import UTC, datetime

import streamlit as st

from app import pages, supernet_form, wording
from app.views import _search_files
from db import artifacts
from db.models import Artifact
from db.session import reading
from search.catalogue import Catalogue

AS_AUTHORS = "with the authors' settings"
NUM_SHOWN = 100
NUM_USERS = 6


def show(catalogue: Catalogue) -> None:
    """The part of the page.

    Args:
        catalogue: knows the authors' settings of recipes.
    """
    st.subheader("Trained supernets", anchor=False)
    with reading() as session:
        found = artifacts.checkpoints(session)
        shown = [(one, artifacts.users(session, one.digest)) for one in found[:NUM_SHOWN]]
    if not found:
        st.markdown(
            "Here you will see the supernets that searches have trained, and those that "
            "`archfront import checkpoint` brought. Other searches can use "
            "them, for other objectives: one training, many fronts."
        )
        pages.link("new", "Train one", icon=":material/hub:")
        return
    now = datetime.now(UTC)
    for file, users in shown:
        with st.container(border=True):
            st.markdown(
                f"**{words(file)}** :gray[{wording.ago(file.created_at, now)}; "
                f"{settings(file, catalogue)}]"
            )
            st.markdown(_search_files.line(file))
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                pages.link("new", "Search it", icon=":material/search:", supernet=file.digest)
                if file.job_id is None:
                    st.badge("imported", icon=":material/upload_file:", color="gray")
                else:
                    pages.link(
                        "search",
                        f"Trained by search {file.job_id}",
                        icon=":material/travel_explore:",
                        id=file.job_id,
                        tab="training",
                    )
                for user in users[:NUM_USERS]:
                    name = wording.plain(wording.shortened(user.name, 30))
                    pages.link("search", f"Used by {name}", id=user.id)
                if len(users) > NUM_USERS:
                    st.caption(f"and {len(users) - NUM_USERS} more", width="content")
                if not users:
                    st.caption("No other search uses it yet.", width="content")
    if len(found) > NUM_SHOWN:
        st.caption(f"and {wording.count(len(found) - NUM_SHOWN)} older ones")


def words(file: Artifact) -> str:
    """What was trained, by what, on what; Markdown."""
    info = file.info
    steps = wording.steps(int(info.get("steps") or 0), int(info.get("num_steps") or 0))
    return wording.plain(
        f"{info.get('space')}: {info.get('recipe')}, {steps} on {info.get('dataset')}"
    )


def settings(file: Artifact, catalogue: Catalogue) -> str:
    """What differs from the authors' settings, after other words; Markdown."""
    recipe = str(file.info.get("recipe"))
    told = supernet_form.changed(file.info.get("recipe_params") or {}, recipe, catalogue)
    return wording.plain(f"differs from the authors' settings: {told}" if told else AS_AUTHORS)

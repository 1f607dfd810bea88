"""The files that a search has made: trained supernets and exported networks."""

from collections.abc import Sequence

import streamlit as st

from app import pages, wording
from db import artifacts
from db.models import Artifact, Job
from db.session import reading

WHAT = {"checkpoint": "trained supernet", "export": "exported network"}
NUM_SHOWN = 200


def show(job: Job) -> None:
    """The tab."""
    with reading() as session:
        found = list(artifacts.artifacts(session, job.id))
    if not found:
        st.markdown(
            "Here you will see the files that this search makes: its trained supernet, and "
            "networks that it exports."
        )
        return
    st.caption(
        f"{wording.counted(len(found), 'file')}. The hash is blake2b of 128 bits: "
        "b2sum with --length=128 checks it."
    )
    for file in found[:NUM_SHOWN]:
        _file(file)
    if len(found) > NUM_SHOWN:
        num = wording.count(len(found) - NUM_SHOWN)
        st.caption(f"and {num} more: `archfront artifacts {job.id}`")


def of_trial(job_id: int, number: int) -> None:
    """The files of one trial, where it is shown."""
    with reading() as session:
        found = [one for one in artifacts.artifacts(session, job_id) if one.number == number]
    lines(found)


def lines(found: Sequence[Artifact]) -> None:
    """A line for each file."""
    for file in found[:NUM_SHOWN]:
        st.markdown(line(file))


def line(file: Artifact) -> str:
    """A file, where to get it, and below what it is, its size and hash; Markdown.

    The link stands alone: within a text only its colour would tell it apart.
    """
    name, size = wording.plain(file.name), wording.plain(wording.size(file.size))
    what = WHAT.get(file.kind, file.kind)
    if file.kind == artifacts.CHECKPOINT and not artifacts.is_trained(file.info):
        what = f"supernet after {wording.steps(file.info['steps'], file.info['num_steps'])}"
    of = "" if file.number is None else f" of trial {file.number}"
    link = f"[:material/download: {name}](/api/artifacts/{file.digest})"
    return f"{link}\n\n:gray[{what}{of}, {size}, hash {file.digest}]"


def _file(file: Artifact) -> None:
    left, middle, right = st.columns((5, 1, 1), vertical_alignment="center")
    left.markdown(line(file))
    if file.kind == artifacts.CHECKPOINT:
        with middle:
            pages.link("new", "Search it", icon=":material/search:", supernet=file.digest)
    if file.info:
        with right.popover(
            "About", icon=":material/receipt_long:", type="tertiary", key=f"about_{file.id}"
        ):
            st.json(file.info, expanded=1)

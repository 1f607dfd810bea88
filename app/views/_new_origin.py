"""What a new search begins with when the address says so: another search, or parts of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import streamlit as st
import yaml

from app import checking, inheriting, supernet_presets, supernet_record, wording
from app.inheriting import Way
from db import artifacts, jobs, trial_pages
from db.benchmarks import benchmark_content
from db.errors import NotFound
from db.models import Job
from db.session import reading
from search.catalogue import Catalogue
from search.spaces import spaces
from search.spec import dump_submission, parse_submission
from search.tables import Table

KINDS = ("check", "count", "inherit", "probes", "supernet", "clone")


@dataclass(frozen=True)
class Origin:
    """Where a draft comes from.

    Attributes:
        kind: the key of the address; empty for a draft of its own.
        job: the number of the search, as the address has it; the digest of a trained supernet;
            the name of a benchmark.
        trials: numbers of its trials.
        how: measures, or what is done with the trials.
    """

    kind: str = ""
    job: str = ""
    trials: str = ""
    how: str = ""

    @property
    def job_id(self) -> int:
        """0 for what is no number."""
        return int(self.job) if self.job.isascii() and self.job.isdigit() else 0


def read() -> Origin:
    """What the address says."""
    query = st.query_params
    for kind in KINDS:
        if text := query.get(kind):
            how = query.get("measure" if kind in ("check", "count") else "way", "")
            return Origin(kind, text, query.get("trials", ""), how)
    return Origin()


def draft(origin: Origin, catalogue: Catalogue) -> dict[str, Any] | None:
    """The draft that it comes to; None, and a word about it, where it comes to nothing."""
    if not origin.kind:
        return None
    if origin.kind in ("supernet", "count"):
        return _of_no_search(origin, catalogue)
    try:
        with reading() as session:
            job = jobs.job(session, origin.job_id)
    except NotFound:
        tail = " to clone" if origin.kind == "clone" else ""
        st.toast(f"There is no search {wording.plain(origin.job)}{tail}.", icon=":material/info:")
        return None
    if origin.kind == "clone":
        return _tidy(job.spec)
    metrics = checking.read_metrics(origin.how) if origin.kind == "check" else []
    if metrics and job.num_trials and not origin.trials:
        return pruned_mapping(checking.draft_again(job.spec, job.num_trials, metrics))
    archs = _probes(job) if origin.kind == "probes" else _archs(job, origin.trials)
    if not archs:
        why = _why_none(job, origin)
        st.toast(f"Nothing of search {job.id} can be taken: {why}.", icon=":material/info:")
        return None
    if origin.kind == "inherit":
        return pruned_mapping(_further(job, archs, origin.how, catalogue))
    return pruned_mapping(checking.draft_of(job.spec, archs, catalogue, metrics))


def _of_no_search(origin: Origin, catalogue: Catalogue) -> dict[str, Any] | None:
    if origin.kind == "supernet":
        return _of_supernet(origin.job, catalogue)
    return _of_benchmark(origin.job, checking.read_metrics(origin.how), catalogue)


def _of_supernet(digest: str, catalogue: Catalogue) -> dict[str, Any] | None:
    try:
        with reading() as session:
            info = artifacts.artifact(session, digest).info
    except NotFound:
        told = wording.plain(wording.shortened(digest, 40))
        st.toast(f"There is no trained supernet {told}.", icon=":material/info:")
        return None
    made = supernet_presets.another(info, digest, catalogue)
    if made is None:
        st.toast("No worker that is here can search this supernet.", icon=":material/info:")
    return None if made is None else pruned_mapping(made)


def _of_benchmark(
    name: str, metrics: Sequence[str], catalogue: Catalogue
) -> dict[str, Any] | None:
    """A search that measures the architectures of a benchmark."""
    try:
        with reading() as session:
            table = Table.from_bytes(benchmark_content(session, name))
    except NotFound:
        told = wording.plain(wording.shortened(name, 40))
        st.toast(f"There is no benchmark {told}.", icon=":material/info:")
        return None
    return checking.draft_of_table(table, metrics, catalogue)


def pruned(value: Any) -> Any:  # noqa: ANN401  # whatever YAML can hold
    """Without what is empty."""
    if isinstance(value, dict):
        return {key: pruned(part) for key, part in value.items() if part not in ({}, None)}
    if isinstance(value, list | tuple):
        return [pruned(part) for part in value]
    return value


def pruned_mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a draft."""
    return cast(dict[str, Any], pruned(dict(value)))


def _archs(job: Job, text: str) -> list[str]:
    space = spaces.get(job.space)
    with reading() as session:
        lines = trial_pages.some_trials(session, job.id, checking.read_numbers(text))
    return [space.encode(line.choices) for line in lines] if space is not None else []


def _probes(job: Job) -> list[str]:
    """The probes of the search's supernet, as they were last looked at."""
    with reading() as session:
        trainer = supernet_record.trainer_of(session, job)
        found = supernet_record.looks(session, trainer.id) if trainer is not None else ()
    return list(found[-1].values) if found else []


def _why_none(job: Job, origin: Origin) -> str:
    if origin.kind == "probes":
        return "its supernet has not looked at any probes"
    if job.space not in spaces:
        return "its space is not known here"
    return "it has none of these trials"


def _further(job: Job, archs: list[str], how: str, catalogue: Catalogue) -> dict[str, Any]:
    way: Way = how if how in inheriting.ACTIONS else "inherit"
    with reading() as session:
        digest = supernet_record.digest_of(session, job)
    return inheriting.draft_of(job.spec, archs, way, digest, catalogue)


def _tidy(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A stored spec without what is empty, as a person would write it."""
    tidy = pruned_mapping(yaml.safe_load(dump_submission(parse_submission(spec))))
    tidy.pop("version", None)
    return tidy

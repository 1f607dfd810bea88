"""Data: imported benchmarks, the import of another, trained supernets, data sets of workers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import streamlit as st

from app import cached, wording
from app.markdown_table import table
from app.tables import import_table
from app.views import _data_checkpoints
from db import benchmarks
from db.errors import RecordError
from db.models import Benchmark
from db.session import reading, transaction
from search.catalogue import Catalogue, TableColumn, TableInfo
from search.errors import DataError
from search.spaces import spaces
from search.tables import Guess, TablePreview, preview

NO_CLOCK = "none"
ARROWS = {"maximize": ":material/arrow_upward:", "minimize": ":material/arrow_downward:"}
MAX_FILE_MB = 256
NUM_IMPORTED = "num_imported"  # a new one empties the place for a file


def show() -> None:
    """The page."""
    catalogue = cached.offered()
    st.title("Data", anchor=False)
    if message := st.session_state.pop("imported", None):
        st.success(message, icon=":material/check:")
    _benchmarks()
    _import()
    _data_checkpoints.show(catalogue)
    _datasets(catalogue)


def _benchmarks() -> None:
    st.subheader("Benchmarks", anchor=False)
    with reading() as session:
        found = benchmarks.benchmarks(session)
    if not found:
        st.markdown(
            "Here you will see imported benchmarks: files with published values by architecture, "
            "which a search can look up instead of measuring. Import the first below."
        )
        return
    now = datetime.now(UTC)
    for benchmark in found:
        _benchmark(benchmark, now)


def _benchmark(benchmark: Benchmark, now: datetime) -> None:
    info = TableInfo.model_validate(benchmark.info)
    with st.container(border=True):
        head, button = st.columns((6, 1), vertical_alignment="center")
        clock = f"clock: {wording.plain(info.clock)}" if info.clock else "no clock"
        head.markdown(
            f"**{wording.plain(benchmark.name)}** :gray[{wording.plain(info.space)}, "
            f"{wording.counted(info.num_archs, 'architecture')}, {clock}, imported "
            f"{wording.ago(benchmark.created_at, now)} by {wording.plain(benchmark.owner)}]"
        )
        with button, st.container(horizontal=True, horizontal_alignment="right"):
            is_pressed = st.button(
                "Remove", icon=":material/delete:", key=f"remove_{benchmark.id}"
            )
        if is_pressed:
            _confirm_removal(benchmark.name)
        columns = [
            f"{wording.plain(wording.titled(c.name, c.unit))} {ARROWS[c.direction]}"
            f"{c.dataset and f' on {wording.plain(c.dataset)}'}"
            for c in info.columns
        ]
        st.caption("  |  ".join(columns))


@st.dialog("Remove this benchmark?")
def _confirm_removal(name: str) -> None:
    st.markdown(f"**{wording.plain(name)}** will be gone. Scores that were looked up in it stay.")
    yes, no = st.columns(2)
    if no.button("Keep it", width="stretch"):
        st.rerun()
    if not yes.button("Remove it", type="primary", width="stretch"):
        return
    try:
        with transaction() as session:
            benchmarks.remove_benchmark(session, name)
    except RecordError as error:
        st.error(wording.plain(str(error)), icon=":material/error:")
        return
    st.rerun()


def _import() -> None:
    st.subheader("Import a benchmark", anchor=False)
    upload = st.file_uploader(
        "A CSV or Parquet file (also .csv.gz): one row for each architecture",
        type=["csv", "gz", "parquet"],
        key=f"table_file{st.session_state.get(NUM_IMPORTED, 0)}",
        max_upload_size=MAX_FILE_MB,
    )
    if upload is None:
        return
    content = upload.getvalue()
    try:
        seen = preview(content, upload.name)
    except DataError as error:
        st.error(wording.plain(str(error)), icon=":material/error:")
        return
    st.caption(f"{wording.counted(seen.num_rows, 'row')}; the first of them:")
    st.dataframe(
        pd.DataFrame(seen.rows, columns=list(seen.columns)),
        hide_index=True,
        height="content",
        alt=f"The first rows of {upload.name}.",
    )
    _describe(content, upload.name, seen)


def _describe(content: bytes, file_name: str, seen: TablePreview) -> None:
    """What the columns mean: guessed, and confirmed by a person."""
    guess = seen.guess
    names = list(seen.columns)
    known = sorted(spaces)
    cells = st.columns(4)
    name = cells[0].text_input(
        "Name", value=_stem(file_name), key=f"name_{file_name}", max_chars=64
    )
    space = cells[1].selectbox(
        "Space", known, index=known.index(guess.space) if guess.space in known else 0
    )
    arch_column = cells[2].selectbox(
        "Architectures are in",
        names,
        index=names.index(guess.arch_column) if guess.arch_column in names else 0,
        help="The column with the architecture's text, or with its number in the space.",
    )
    clock_options = [NO_CLOCK, *names]
    clock = cells[3].selectbox(
        "Clock",
        clock_options,
        index=clock_options.index(guess.clock) if guess.clock in clock_options else 0,
        help="The column with the seconds that an evaluation takes, for simulated time.",
    )
    st.caption("Which columns are values, in which unit, and which way is better:")
    columns = _columns([n for n in names if n not in (arch_column, clock)], guess)
    if not columns:
        st.markdown(":red[Choose at least one column of values.]")
    if st.button(
        "Import",
        type="primary",
        icon=":material/upload:",
        disabled=not columns or not name.strip(),
        key="import",
    ):
        _store(
            content,
            name.strip(),
            space,
            arch_column,
            columns,
            None if clock == NO_CLOCK else clock,
        )


def _columns(names: Sequence[str], guess: Guess) -> list[TableColumn]:
    guessed = {column.name: column for column in guess.columns}
    frame = pd.DataFrame(
        {
            "import": [name in guessed for name in names],
            "column": list(names),
            "unit": [guessed[name].unit if name in guessed else "" for name in names],
            "better": [
                guessed[name].direction if name in guessed else "maximize" for name in names
            ],
            "data": [guessed[name].dataset if name in guessed else "" for name in names],
            "may be undefined": [
                name in guessed and guessed[name].may_be_undefined for name in names
            ],
        }
    )
    edited = st.data_editor(
        frame,
        hide_index=True,
        disabled=["column"],
        column_config={
            "import": st.column_config.CheckboxColumn(width="small"),
            "unit": st.column_config.TextColumn(max_chars=32),
            "better": st.column_config.SelectboxColumn(options=list(ARROWS), required=True),
            "data": st.column_config.TextColumn(
                max_chars=64,
                help="What the values were measured on, such as cifar10. Where a search looked at "
                "other data, its ranking says so beside this truth.",
            ),
            "may be undefined": st.column_config.CheckboxColumn(
                width="small", help="Empty cells, nan and infinities are no errors here."
            ),
        },
        key=f"columns_{len(names)}",
        alt="Columns of the file: whether to import each, its unit, which way is better, "
        "what data it is of, and whether it may be undefined.",
    )
    return [
        TableColumn.model_validate(
            {
                "name": row["column"],
                "unit": row["unit"] or "",
                "direction": row["better"],
                "dataset": (row["data"] or "").strip(),
                "may_be_undefined": row["may be undefined"],
            }
        )
        for row in edited[edited["import"]].to_dict("records")
    ]


def _store(
    content: bytes,
    name: str,
    space: str,
    arch_column: str,
    columns: Sequence[TableColumn],
    clock: str | None,
) -> None:
    try:
        with st.spinner("Reading and checking every row"):
            info = import_table(
                content,
                name=name,
                space=space,
                arch_column=arch_column,
                columns=columns,
                clock=clock,
            )
    except (DataError, RecordError) as error:
        st.error(f"{wording.plain(str(error))}\n\nNothing was imported.", icon=":material/error:")
        return
    st.session_state[NUM_IMPORTED] = st.session_state.get(NUM_IMPORTED, 0) + 1
    st.session_state["imported"] = (
        f"Imported {wording.plain(info.name)}: {wording.counted(info.num_archs, 'architecture')}, "
        f"{wording.counted(len(info.columns), 'column')}."
    )
    st.rerun()


def _datasets(catalogue: Catalogue) -> None:
    st.subheader("Data sets", anchor=False)
    found = [plugin for plugin in catalogue.plugins if plugin.kind == "dataset"]
    if not found:
        st.markdown("Workers report the data sets that they have; none is running now.")
        return
    rows = [
        (
            f"**{wording.plain(plugin.name)}**",
            ":green-badge[:material/check: available]"
            if plugin.traits.get("available", True)
            else ":orange-badge[:material/block: not available]",
            wording.plain(plugin.summary),
            wording.plain(
                f"{plugin.traits.get('num_classes', '?')} classes"
                if plugin.traits.get("available", True)
                else str(plugin.traits.get("reason", ""))
            ),
        )
        for plugin in found
    ]
    st.markdown(table(("name", "status", "what it is", "note"), rows, num_left=4))


def _stem(name: str) -> str:
    """The file's name without endings, as the name of a benchmark."""
    return Path(name).name.split(".")[0][:64]

"""The command line: what it prints, its exit codes, and one clear line for what went wrong."""

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.cli import main
from db import jobs, session, trials, workers
from db.jobs import JobState
from search.catalogue import Catalogue
from search.check import check
from search.errors import SpecError
from search.offer import offer
from search.spaces import spaces
from search.spec import load_submission
from workers import queue

SPEC = """
name: A small one
space: {name: nasbench201}
data: {name: digits, batch_size: 16}
objectives: [nwot, {metric: params, direction: minimize}]
strategy: {name: random}
budget: {trials: 5}
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def archfront(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command as a shell would, on an empty data folder."""

    def run(*args: object, stdin: str = "") -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["archfront", *map(str, args)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return offer(tmp_path_factory.mktemp("offer"))


@pytest.fixture
def worker(sqlite_url: str, offered: Catalogue) -> str:
    """A worker that has reported; it takes nothing."""
    with session.transaction() as opened:
        workers.report(
            opened, workers.Report("w1", "here", 1, ["cpu"], offered.model_dump(mode="json"))
        )
    return "w1"


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def job_id(worker: str) -> int:
    return queue.submit(load_submission(SPEC))[0]


@pytest.fixture
def searched(job_id: int) -> int:
    """A job with two trials, the second of which has an undefined score."""
    with session.transaction() as opened:
        claim = jobs.claim(opened, job_id, worker_id="w1", lease_s=60)
        assert claim is not None
        trials.record(opened, job_id, claim.token, _batch())
        jobs.release(opened, job_id, claim.token, state=JobState.SUCCEEDED, reason="done")
    return job_id


def _batch() -> trials.Batch:
    space = spaces["nasbench201"]
    archs = [space.at(number) for number in (5, 77)]
    rows = [
        trials.TrialRow(number, space.key(arch), arch, "done") for number, arch in enumerate(archs)
    ]
    return trials.Batch(
        trials=rows,
        scores=[
            trials.ScoreRow(0, 0, "proxy", "ok", 12.5),
            trials.ScoreRow(0, 1, "cost", "ok", 1000.0),
            trials.ScoreRow(1, 0, "proxy", "undefined", None),
            trials.ScoreRow(1, 1, "cost", "ok", 2000.0),
        ],
    )


def _arch_id(index: int) -> str:
    space = spaces["nasbench201"]
    return trials.arch_id("nasbench201", space.key(space.at(index)))


# What a person can mend is told in one line.


def test_without_a_database_it_says_how_to_make_one(archfront):
    answer = archfront("jobs")

    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert "archfront db upgrade" in answer.err


def test_a_database_of_a_newer_version_is_refused(archfront, sqlite_url):
    with session.engine_for(sqlite_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))

    answer = archfront("jobs")

    assert answer.code == 1
    assert "newer Archfront" in answer.err


def test_a_data_folder_that_cannot_be_made_is_named(archfront, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file" / "data"))

    answer = archfront("up")

    assert answer.code == 1
    assert "DATA_DIR" in answer.err


def test_a_database_that_does_not_answer_is_one_line(archfront, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/nothing")

    answer = archfront("jobs")

    assert answer.code == 1
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("command", ["show", "cancel", "pause", "resume", "retry", "clone"])
def test_an_unknown_job_is_named(archfront, worker, command):
    answer = archfront(command, 99)

    assert answer.code == 1
    assert answer.err == "archfront: there is no job 99\n"


@pytest.mark.parametrize("command", ["fetch", "discard"])
def test_an_unknown_file_is_named(archfront, worker, command):
    answer = archfront(command, "f" * 32)

    assert answer.code == 1
    assert answer.err == f"archfront: there is no artifact {'f' * 32}\n"


def test_a_search_without_files_says_so(archfront, searched):
    assert f"Search {searched} has made no file." in archfront("artifacts", searched).err


def test_a_wrong_state_is_told(archfront, searched):
    answer = archfront("cancel", searched)

    assert answer.code == 1
    assert "is succeeded" in answer.err


def test_a_missing_file_is_named(archfront, worker):
    answer = archfront("submit", "nowhere.yaml")

    assert answer.code == 1
    assert answer.err == "archfront: nowhere.yaml: No such file or directory\n"


# Submitting: the same checks and messages as the page.


def test_submitting_without_a_worker_says_how_to_start_one(archfront, sqlite_url, spec_file):
    answer = archfront("submit", spec_file)

    assert answer.code == 2
    assert "archfront worker" in answer.err


def test_a_submitted_search_is_queued(archfront, worker, spec_file):
    answer = archfront("submit", spec_file)

    assert answer.code == 0
    assert archfront("jobs", "--json").json["jobs"][0]["state"] == "queued"


def test_a_spec_is_read_from_standard_input(archfront, worker):
    answer = archfront("submit", "-", "--json", stdin=SPEC)

    assert answer.json == {"jobs": [{"id": 1, "state": "queued"}]}


def test_seeds_make_a_group(archfront, worker, spec_file):
    archfront("submit", spec_file, "--seeds", 3, "--name", "Three")

    listed = archfront("jobs", "--json").json["jobs"]
    assert sorted(job["seed"] for job in listed) == [0, 1, 2]
    assert {job["name"] for job in listed} == {"Three"}
    assert len({job["group_id"] for job in listed}) == 1


def test_a_control_goes_beside_each_seed(archfront, worker):
    evolution = SPEC.replace("name: random", "name: nsga2")

    archfront("submit", "-", "--control", "--seeds", 2, stdin=evolution)

    listed = {job["id"]: job for job in archfront("jobs", "--json").json["jobs"]}
    controls = [job for job in listed.values() if job["control_of"] is not None]
    assert [job["strategy"] for job in controls] == ["random", "random"]
    assert {listed[job["control_of"]]["strategy"] for job in controls} == {"nsga2"}
    assert {job["seed"] for job in controls} == {0, 1}
    assert len({job["group_id"] for job in listed.values()}) == 1


def test_no_control_takes_back_what_the_file_asks_for(archfront, worker):
    evolution = SPEC.replace("name: random", "name: nsga2") + "control: true\n"

    archfront("submit", "-", "--no-control", stdin=evolution)

    assert len(archfront("jobs", "--json").json["jobs"]) == 1


def test_a_random_search_needs_no_control(archfront, worker, spec_file):
    answer = archfront("submit", spec_file, "--control")

    assert answer.code == 2
    assert "control" in answer.err


WRONG = {
    "an unknown proxy": ("[nwot,", "[nowt,"),
    "an unknown strategy": ("name: random", "name: guess"),
    "a batch too small": ("batch_size: 16", "batch_size: 1"),
    "two objectives of one name": ("[nwot,", "[nwot, nwot,"),
    "an unknown field": ("budget:", "bugdet: {}\nbudget:"),
    "a newer version": ("name: A", "version: 99\nname: A"),
    "no end": ("trials: 5", "trial_timeout_s: 5"),
    "no YAML": ("{trials: 5}", "{trials: 5"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=list(WRONG))
def test_a_wrong_spec_is_told_field_by_field_as_the_page_does(
    archfront, worker, offered, tmp_path, change
):
    wrong = SPEC.replace(*change)
    path = tmp_path / "wrong.yaml"
    path.write_text(wrong)
    with pytest.raises(SpecError) as error:
        check(load_submission(wrong), offered)

    answer = archfront("submit", path)

    fields = error.value.fields.items()
    assert answer.code == 2
    assert answer.err.splitlines() == [
        f"archfront: {field}: {why}" if field else f"archfront: {why}" for field, why in fields
    ]
    assert archfront("jobs", "--json").json["total"] == 0


def test_faults_of_every_stage_are_told_at_once(archfront, worker):
    wrong = SPEC.replace("[nwot,", "[nowt,").replace("batch_size: 16", "batch_size: 1")

    answer = archfront("submit", "-", "--name", " ", stdin=wrong)

    said = ["name", "data.batch_size", "objectives.0.metric"]
    assert answer.code == 2
    assert [line.split(": ")[1] for line in answer.err.splitlines()] == said


@pytest.mark.parametrize(
    ("state", "code"),
    [(JobState.SUCCEEDED, 0), (JobState.FAILED, 3), (JobState.CANCELLED, 4)],
)
def test_wait_tells_by_its_exit_code_how_it_ended(
    archfront, worker, spec_file, monkeypatch, state, code
):
    def end_it(_seconds: float) -> None:
        with session.transaction() as opened:
            claim = jobs.claim(opened, 1, worker_id="w1", lease_s=60)
            assert claim is not None
            if state is JobState.CANCELLED:
                jobs.cancel(opened, 1, "somebody")
            jobs.release(opened, 1, claim.token, state=state, reason="")

    monkeypatch.setattr("time.sleep", end_it)

    answer = archfront("submit", spec_file, "--wait", "--json")

    assert answer.code == code
    assert answer.json["jobs"][0]["state"] == state


# Looking at, and moving, what is there.


def test_jobs_are_listed_for_people(archfront, job_id):
    answer = archfront("jobs")

    assert "A small one" in answer.out
    assert "queued" in answer.out


def test_jobs_are_filtered(archfront, job_id):
    assert archfront("jobs", "--state", "failed", "--json").json["total"] == 0
    assert archfront("jobs", "small", "--json").json["total"] == 1


def test_show_tells_spec_and_history(archfront, searched):
    shown = archfront("show", searched, "--json").json

    assert shown["spec"]["strategy"]["name"] == "random"
    assert [change["state"] for change in shown["history"]] == ["queued", "running", "succeeded"]
    assert shown["num_trials"] == 2


def test_show_for_people_names_the_best(archfront, searched):
    answer = archfront("show", searched)

    assert "params 1,000" in answer.out
    assert "nasbench201" in answer.out


def test_a_search_is_paused_resumed_cancelled_and_tried_again(archfront, job_id):
    moves = [archfront(command, job_id).out for command in ("pause", "resume", "cancel", "retry")]

    states = ["paused", "queued", "cancelled", "queued"]
    assert moves == [f"Search {job_id} is {state}.\n" for state in states]


def test_a_clone_knows_where_it_came_from(archfront, job_id):
    answer = archfront("clone", job_id, "--name", "Again", "--seed", 7)

    assert answer.code == 0
    shown = archfront("show", job_id + 1, "--json").json
    assert (shown["name"], shown["seed"], shown["cloned_from"]) == ("Again", 7, job_id)


def test_a_spec_can_be_taken_out_and_submitted_again(archfront, job_id, tmp_path):
    path = tmp_path / "again.yaml"
    archfront("clone", job_id, "-o", path)

    answer = archfront("submit", path)

    assert answer.code == 0
    specs = [archfront("show", number, "--json").json["spec"] for number in (job_id, job_id + 1)]
    assert specs[0] == specs[1]


def test_workers_are_listed(archfront, worker):
    answer = archfront("workers", "--json")

    assert answer.code == 0
    assert answer.json["workers"][0]["host"] == "here"


def test_no_worker_is_an_exit_code(archfront, worker):
    assert archfront("workers", "--host", "elsewhere").code == 1


# Taking out.


def test_trials_are_exported_as_csv(archfront, searched):
    answer = archfront("export", "trials", searched)

    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["nwot"] for row in rows] == ["12.5", ""]
    assert [row["nwot status"] for row in rows] == ["ok", "undefined"]
    assert rows[0]["arch_id"] == _arch_id(5)


def test_trials_are_exported_as_json_to_a_file(archfront, searched, tmp_path):
    path = tmp_path / "trials.json"

    archfront("export", "trials", searched, "--format", "json", "-o", path)

    exported = json.loads(path.read_text())
    assert exported["job"] == searched
    assert exported["trials"][1]["scores"][0] == {
        "objective": "nwot",
        "status": "undefined",
        "value": None,
        "from_memory": False,
    }


def test_an_architecture_is_exported_as_genotype(archfront, searched):
    found = archfront("export", "arch", _arch_id(77)).json

    assert found["index"] == 77
    assert spaces["nasbench201"].decode(found["arch"]) == tuple(found["choices"])


def test_an_architecture_is_exported_as_code_that_runs(archfront, searched):
    code = archfront("export", "arch", _arch_id(77), "--format", "code").out

    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(code, namespace)
    import torch

    logits = namespace["net"](torch.zeros(2, 1, 8, 8))
    assert tuple(logits.shape) == (2, 10)


def test_an_unknown_architecture_is_named(archfront, worker):
    answer = archfront("export", "arch", "0" * 20)

    assert answer.code == 1
    assert "0" * 20 in answer.err


# Bringing in.


@pytest.fixture
def benchmark_file(tmp_path: Path) -> Path:
    space = spaces["nasbench201"]
    path = tmp_path / "bench.csv"
    rows = [f"{space.encode(space.at(i))},{90 + i},{10 * i}" for i in range(3)]
    path.write_text("\n".join(["arch_str,acc,train_time_s", *rows]) + "\n")
    return path


IMPORT = ("--space", "nasbench201", "--arch-column", "arch_str", "--value", "acc:%")


def test_a_table_is_looked_at_before_it_is_imported(archfront, sqlite_url, benchmark_file):
    answer = archfront("import", "table", benchmark_file)

    assert answer.code == 0
    assert "arch_str" in answer.out
    assert "--arch-column arch_str" in answer.out
    with session.reading() as opened:
        assert opened.execute(text("SELECT count(*) FROM benchmark")).scalar_one() == 0


def test_an_imported_table_can_be_searched(archfront, worker, benchmark_file, tmp_path):
    imported = archfront("import", "table", benchmark_file, "--name", "b", *IMPORT, "--json")
    spec = SPEC.replace("[nwot,", "[{metric: table, params: {table: b, column: acc}},")

    answer = archfront("submit", "-", stdin=spec)

    assert imported.json["num_archs"] == 3
    assert answer.code == 0


def test_a_partly_broken_table_changes_nothing(archfront, sqlite_url, benchmark_file):
    benchmark_file.write_text(benchmark_file.read_text().replace("91", "much"))

    answer = archfront("import", "table", benchmark_file, *IMPORT)

    assert answer.code == 1
    assert "row 3" in answer.err
    assert "acc" in answer.err
    with session.reading() as opened:
        assert opened.execute(text("SELECT count(*) FROM benchmark")).scalar_one() == 0


def test_a_table_of_a_taken_name_is_refused(archfront, sqlite_url, benchmark_file):
    archfront("import", "table", benchmark_file, *IMPORT)

    answer = archfront("import", "table", benchmark_file, *IMPORT)

    assert answer.code == 1
    assert "bench" in answer.err


def test_a_direction_that_is_none_is_refused(archfront, sqlite_url, benchmark_file):
    answer = archfront("import", "table", benchmark_file, *IMPORT[:-1], "acc:%:up")

    assert answer.code == 2
    assert "maximize or minimize" in answer.err


def test_a_spec_is_completed(archfront, spec_file):
    answer = archfront("import", "spec", spec_file)

    assert answer.code == 0
    assert load_submission(answer.out) == load_submission(SPEC)


# The tables.


def test_the_database_is_made_checked_and_taken_back(archfront):
    codes = [
        archfront("db", *words).code
        for words in (["upgrade"], ["check"], ["downgrade", "base", "--yes"], ["check"])
    ]

    assert codes == [0, 0, 0, 1]


def test_upgrading_twice_does_no_harm(archfront, job_id):
    archfront("db", "upgrade")

    assert archfront("jobs", "--json").json["total"] == 1

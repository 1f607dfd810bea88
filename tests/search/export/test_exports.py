"""Searches that export: what is in the file, and that it is found again."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from search import artifacts
from search.check import check
from search.datasets.digits import digits
from search.errors import ExportError, SpecError
from search.events import Artifact, Checkpoint, Log
from search.export import checking
from search.export.bundle import packed, sha256
from search.export.checking import Written, checked
from search.export.code import code_of
from search.offer import offer
from search.run import run
from search.spec import parse_submission
from tests.search.export.making import network
from tests.search.recording import Recording

ARCH = "|conv_3x3~0|+|conv_3x3~0|max_pool_3x3~1|"
OTHER = "|max_pool_3x3~0|+|conv_3x3~0|max_pool_3x3~1|"
NORMED = "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
SHORT = {"epochs": 2, "train_size": 256, "lr": 0.02}
ALONE = {"metric": "accuracy", "params": SHORT}
TUNED = {"metric": "fine_tuned_accuracy", "params": SHORT}
SUPERNET = {
    "recipe": {"name": "spos", "params": {"epochs": 1, "batch_size": 256}},
    "probes": 0,
    "looks": 0,
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec(objective=ALONE, archs=(ARCH,), formats=("pytorch",), **changes):
    return parse_submission(
        {
            "name": "exports",
            "space": {"name": "cell_27"},
            "network": {"channels": 4, "cells": 1},
            "data": {"name": "digits", "batch_size": 8},
            "objectives": [objective, "params"],
            "strategy": {"name": "listed", "params": {"archs": list(archs)}},
            "budget": {"trials": 5},
            "export": {"weights": objective["metric"], "formats": list(formats)},
            **changes,
        }
    ).specs()[0]


def exports(recording):
    return [e for e in recording.of_kind(Artifact) if e.kind == "export"]


def files_of(data_dir, artifact):
    with zipfile.ZipFile(io.BytesIO(artifacts.read(data_dir, artifact.digest))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def recording(folder):
    """A search that exports in all formats."""
    return Recording().take(run(spec(formats=("pytorch", "onnx")), data_dir=folder))


@pytest.fixture(scope="module")
def files(folder, recording):
    (artifact,) = exports(recording)
    return files_of(folder, artifact)


def test_an_artifact_says_what_it_is(folder, recording):
    (artifact,) = exports(recording)

    assert (artifact.name, artifact.number) == ("cell_27-trial-0.zip", 0)
    assert artifact.info == {
        "space": "cell_27",
        "arch": ARCH,
        "weights": "accuracy",
        "formats": ["pytorch", "onnx"],
    }
    assert artifact.size == len(artifacts.read(folder, artifact.digest))


def test_a_bundle_holds_code_weights_onnx_check_and_card(files):
    assert list(files) == [
        "card.md",
        "model.py",
        "weights.safetensors",
        "model.onnx",
        "check.json",
    ]
    assert not any(content.startswith((b"\x80", b"PK")) for content in files.values())


def test_the_card_has_the_hash_of_every_other_file(files):
    card = files["card.md"].decode()

    assert all(sha256(files[name]) in card for name in files if name != "card.md")
    assert ARCH in card
    assert "mean: [0.3049" in card


def test_all_files_classify_as_the_scored_network_does(files, recording):
    report = json.loads(files["check.json"])
    (trial,) = recording.trials

    assert report["images"] == 360
    assert set(report["accuracy_percent"].values()) == {trial.scores[0].value}
    assert max(report["largest_difference"].values()) < 1e-5


def test_files_are_used_as_the_card_says(files, tmp_path):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    x_BCHW, labels = digits(tmp_path).arrays(is_test=True)
    np.savez(tmp_path / "images.npz", x=x_BCHW, y=labels)
    blocks = files["card.md"].decode().split("```python\n")[1:]
    torch_lines, onnx_lines = (block.partition("```")[0] for block in blocks)
    program = (
        "import sys; sys.path[:] = ['.', *(p for p in sys.path if not p.endswith('main'))]\n"
        "import numpy, torch\n"
        "test = numpy.load('images.npz'); images = torch.from_numpy(test['x'])\n"
        f"{torch_lines}\n"
        "share = (logits.argmax(1).numpy() == test['y']).mean()\n"
        f"images = test['x']\n{onnx_lines}\n"
        "assert share == (logits.argmax(1) == test['y']).mean()\n"
        "assert not {'search', 'app', 'db', 'workers'} & set(sys.modules)\n"
        "print(100 * share)\n"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) == pytest.approx(
        json.loads(files["check.json"])["accuracy_percent"]["original"]
    )


@pytest.mark.parametrize(
    "metric", ["supernet_accuracy", "fine_tuned_accuracy", "accuracy"], ids=str
)
def test_the_exported_network_is_the_one_that_was_scored(tmp_path, metric):
    params = {} if metric.startswith("supernet") else SHORT
    searched = spec({"metric": metric, "params": params}, supernet=SUPERNET)

    recording = Recording().take(run(searched, data_dir=tmp_path))

    (artifact,), (trial,) = exports(recording), recording.trials
    report = json.loads(files_of(tmp_path, artifact)["check.json"])
    assert report["accuracy_percent"]["original"] == trial.scores[0].value


@pytest.mark.parametrize("metric", ["supernet_accuracy", "fine_tuned_accuracy"])
def test_norms_by_predecessors_are_searched_and_exported(tmp_path, metric):
    fast = {"epochs": 1, "batch_size": 256, "norms": "tracked", "node_norms": True}
    searched = spec(
        {"metric": metric, "params": {} if metric.startswith("supernet") else SHORT},
        space={"name": "nasbench201"},
        network={"channels": 2, "cells": 1},
        archs=(NORMED,),
        formats=("pytorch", "onnx"),
        supernet={**SUPERNET, "recipe": {"name": "spos", "params": fast}},
    )

    recording = Recording().take(run(searched, data_dir=tmp_path))

    (artifact,), (trial,) = exports(recording), recording.trials
    files = files_of(tmp_path, artifact)
    report = json.loads(files["check.json"])
    assert "self.norms = nn.ModuleDict" in files["model.py"].decode()
    assert report["accuracy_percent"]["original"] == trial.scores[0].value
    assert max(report["largest_difference"].values()) < 1e-5


def test_a_search_that_is_left_gives_the_same_files_once(tmp_path):
    searched = spec(archs=(ARCH, OTHER))
    whole = Recording().take(run(searched, data_dir=tmp_path / "whole"))
    left, data_dir = Recording(), tmp_path / "left"

    resume = None
    for num_checkpoints in (1, 2, 3, None):
        events = run(searched, data_dir=data_dir, memory=left, resume=resume)
        left.take(events, num_checkpoints=num_checkpoints)
        events.close()
        resume = left.checkpoints[-1]

    found, expected = ({(e.number, e.digest) for e in exports(r)} for r in (left, whole))
    assert found == expected
    assert len(found) == 2
    assert len(list((data_dir / artifacts.FOLDER).iterdir())) == 2
    assert [t.scores[0].value for t in left.trials] == [t.scores[0].value for t in whole.trials]


def test_a_score_from_memory_is_exported_with_the_same_weights(folder, recording):
    class OfOthers(Recording):
        """Remembers the scores of another search, and none of its trials."""

        def recall(self, keys):
            return recording.recall(keys)

    again = OfOthers()
    again.take(run(spec(formats=("pytorch", "onnx")), data_dir=folder, memory=again))

    assert again.trials[0].scores[0].from_memory
    assert [e.digest for e in exports(again)] == [e.digest for e in exports(recording)]


def test_a_difference_that_is_too_large_is_no_export(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "TOLERANCE", -1.0)

    recording = Recording().take(run(spec(), data_dir=tmp_path))

    assert exports(recording) == []
    assert not (tmp_path / artifacts.FOLDER).exists()
    assert any("was not exported: model.py" in e.message for e in recording.of_kind(Log))


def test_a_network_without_a_value_is_not_exported(tmp_path):
    failures = {0: "its process ended"}

    recording = Recording().take(run(spec(), data_dir=tmp_path, failures=failures))

    assert exports(recording) == []
    (why,) = [e.message for e in recording.of_kind(Log) if e.level == "error"]
    assert why.endswith("was not exported: accuracy has no value: its process ended")


def test_other_weights_are_noticed(tmp_path):
    images = digits(tmp_path)
    net = network("cell_27", shape=(1, 8, 8)).eval()
    code = code_of(net, (1, 8, 8), title="A network")
    weights = {key: tensor + 0.01 for key, tensor in code.weights.items()}
    from safetensors.torch import save

    files = {"model.py": code.text.encode(), "weights.safetensors": save(weights)}

    with pytest.raises(ExportError, match=r"model.py with weights.safetensors differs"):
        checked(Written(files, code.name), net, images)


def test_what_has_no_weights_is_refused_at_its_field(tmp_path):
    searched = spec(export={"weights": "params"})

    with pytest.raises(SpecError, match=r"export.weights: params has no weights"):
        check(searched, offer(tmp_path))
    with pytest.raises(SpecError, match="params neither trains nor inherits weights"):
        next(iter(run(searched, data_dir=tmp_path)))


def test_equal_files_make_equal_bundles():
    files = {"b": b"2", "a": b"1"}

    assert packed(files) == packed(dict(files))
    assert packed(files) != packed({"a": b"1", "b": b"2"})


def test_exports_come_with_the_checkpoint_of_their_trial(recording, folder):
    kinds = [type(e) for e in run(spec(), data_dir=folder) if isinstance(e, Artifact | Checkpoint)]

    assert kinds.index(Artifact) < len(kinds) - 1
    assert kinds[-1] is Checkpoint

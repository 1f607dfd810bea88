"""Searches with a supernet: trained and searched, left and gone on with, used again."""

import pytest
import torch

from search import supernet_stage
from search.errors import RunError, SpecError
from search.events import Artifact, Checkpoint, Log, Metric, Progress, Snapshot
from search.run import provenance, run
from search.saved_state import save_state
from search.spaces import spaces
from search.spec import parse_submission
from search.supernets.recipes import recipes
from search.supernets.training import Training
from tests.search.recording import Recording

FAST = {"epochs": 1, "batch_size": 256}
VALIDATION = {
    "metric": "supernet_validation_accuracy",
    "params": {"calibration_batches": 1},
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def spec(recipe="spos", space="cell_27", supernet=None, params=FAST, **changes):
    content = {
        "name": "supernet",
        "space": {"name": space},
        "data": {"name": "digits", "batch_size": 8},
        "network": {"channels": 2, "cells": 1} if space == "cell_27" else {},
        "objectives": [VALIDATION, "params"],
        "strategy": {"name": "random"},
        "budget": {"trials": 6},
        "supernet": {
            "recipe": {"name": recipe, "params": params},
            "probes": 3,
            "looks": 2,
            "looks_at_end": 0,
            **(supernet or {}),
        },
        **changes,
    }
    return parse_submission(content).specs()[0]


def using(digest, **changes):
    return spec(**changes).model_copy(
        update={
            "supernet": spec().supernet.model_copy(update={"recipe": None, "checkpoint": digest})
        }
    )


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def artifact_of(events):
    (found,) = of_kind(events, Artifact)
    return found


def told(events):
    """Metrics that do not depend on the clock, by name and step; the same ones once."""
    return {
        (e.name, e.step): e.value for e in of_kind(events, Metric) if e.name != "images per second"
    } | {(e.name, e.step): e.content for e in of_kind(events, Snapshot)}


def conflicts(events):
    """Metrics and snapshots that came again and were another; none on the clock."""
    seen, found = {}, []
    for event in of_kind(events, Metric | Snapshot):
        value = event.value if isinstance(event, Metric) else event.content
        if seen.setdefault((event.name, event.step), value) != value:
            found.append(event)
    return [event for event in found if event.name != "images per second"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def undisturbed(folder):
    return Recording().take(run(spec(), data_dir=folder))


@pytest.fixture(scope="module")
def digest(undisturbed):
    return artifact_of(undisturbed.others).digest


@pytest.fixture
def _every_step(monkeypatch):
    """Checkpoints after every step."""
    monkeypatch.setattr(supernet_stage, "CHECKPOINT_S", 0.0)
    monkeypatch.setattr(supernet_stage, "MOST_WRITING", float("inf"))


def test_a_supernet_is_trained_and_then_searched(undisturbed, digest):
    kinds = [type(event) for event in undisturbed.others]
    scores = [trial.scores[0] for trial in undisturbed.trials]

    assert kinds.index(Artifact) > kinds.index(Metric)
    assert [(s.kind, s.status, s.details["checkpoint"]) for s in scores] == (
        [("supernet", "ok", digest)] * 6
    )
    assert scores[0].details["examples"] == 144  # a tenth of the training part


def test_what_is_told_has_a_name_and_a_step(undisturbed):
    names = {name for name, _ in told(undisturbed.others)}
    (first, last) = [e for e in of_kind(undisturbed.others, Snapshot) if e.name == "ranking"]

    assert names >= {"loss solo", "learning rate", "gradient norm", "accuracy sampled", "choices"}
    assert not names & {"accuracy largest", "weight solo"}  # cells choose operations
    assert (first.step, last.step) == (3, 6)
    assert first.content["archs"] == last.content["archs"]
    assert len(last.content["values"]) == 3


def test_choices_are_counted_as_they_are_trained(undisturbed):
    (*_, last) = [e for e in of_kind(undisturbed.others, Snapshot) if e.name == "choices"]

    assert len(last.content["decisions"]) == len(spaces["cell_27"].decisions)
    assert [sum(counts) for counts in last.content["counts"]] == [6] * 3


def test_progress_never_goes_back(undisturbed):
    shares = [event.share for event in of_kind(undisturbed.others, Progress)]

    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.usefixtures("_every_step")
def test_a_run_left_in_training_and_search_equals_an_undisturbed_one(
    tmp_path, undisturbed, digest
):
    recording = Recording()
    for num_checkpoints in (1, 4, 6, 10):
        resume = recording.checkpoints[-1] if recording.checkpoints else None
        events = run(spec(), data_dir=tmp_path, memory=recording, resume=resume)
        recording.take(events, num_checkpoints=num_checkpoints)
        events.close()
    steps = [s["training"]["step"] for s in recording.checkpoints if "training" in s]
    resume = recording.checkpoints[-1]
    recording.take(run(spec(), data_dir=tmp_path, memory=recording, resume=resume))

    assert steps == [0, 0, 1, 2, 2, 3, 3, 4, 5]  # every session begins where it stands
    assert "run" in resume
    assert artifact_of(recording.others).digest == digest
    assert recording.timeless() == undisturbed.timeless()
    assert told(recording.others) == told(undisturbed.others)
    assert conflicts(recording.others) == []


LAST_TWO = {"probes": 4, "looks": 1, "looks_at_end": 2}
THREE_EPOCHS = {"epochs": 3, "batch_size": 700}  # of two steps


def rankings_of(events):
    return [e for e in of_kind(events, Snapshot) if e.name == "ranking"]


@pytest.mark.usefixtures("_every_step")
def test_consecutive_epochs_are_looked_at_and_again_alike_after_a_kill(tmp_path):
    given = spec(supernet=LAST_TWO, params=THREE_EPOCHS)
    whole = Recording().take(run(given, data_dir=tmp_path))
    recording = Recording().take(run(given, data_dir=tmp_path), num_checkpoints=5)

    resume = recording.checkpoints[-1]
    recording.take(run(given, data_dir=tmp_path, memory=recording, resume=resume))

    found = rankings_of(whole.others)
    assert [(one.step, one.content["epoch"]) for one in found] == [(4, 2), (6, 3)]
    assert resume["training"]["step"] == 4
    assert found[0].content["trained_last"]
    assert told(recording.others) == told(whole.others)
    assert artifact_of(recording.others).digest == artifact_of(whole.others).digest


def test_every_one_of_the_last_steps_is_looked_at(tmp_path):
    often = {"probes": 27, "looks": 1, "steps_at_end": 4}
    given = spec("deeper_insights", supernet=often, params=THREE_EPOCHS, budget={"trials": 1})

    found = rankings_of(Recording().take(run(given, data_dir=tmp_path)).others)

    assert [one.step for one in found] == [3, 4, 5, 6]
    newest = [one.content["archs"][one.content["steps_ago"].index(0)] for one in found]
    assert newest == [one.content["trained_last"] for one in found]
    assert len(set(newest)) == 4


def test_looking_more_often_changes_nothing_of_the_training(tmp_path, digest):
    often = spec(supernet={"looks": 6, "looks_at_end": 1}, budget={"trials": 1})

    assert artifact_of(Recording().take(run(often, data_dir=tmp_path)).others).digest == digest


def test_probes_that_share_weights_are_told_with_their_groups(tmp_path):
    params = {**FAST, "sharing": "similar_groups", "groups": 3}
    given = spec("deeper_insights", params=params, budget={"trials": 1})
    space = spaces["cell_27"]

    (*_, last) = rankings_of(Recording().take(run(given, data_dir=tmp_path)).others)

    places = [space.index(space.decode(text)) for text in last.content["archs"]]
    assert last.content["groups"] == [place * 3 // 27 for place in places]


@pytest.mark.usefixtures("_every_step")
def test_few_states_are_kept_and_none_is_taken_away_too_early(tmp_path):
    events = run(spec(), data_dir=tmp_path)
    states = [e.state for e in events if isinstance(e, Checkpoint) and "training" in e.state]

    (done,) = (tmp_path / "trainings/supernets").glob("*.done")
    kept = sorted(path.name for path in done.parent.glob("*.pt"))

    key = states[-1]["training"]["key"]
    assert kept == [f"{key}.4.pt", f"{key}.5.pt"]
    assert done.stem == key


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # of a tensor, which torch would read all the same
    path.write_bytes(content)


@pytest.mark.usefixtures("_every_step")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "after 1 steps is gone"),
        (lambda path: path.write_bytes(b"nonsense"), "is damaged"),
        (lambda path: save_state({}, path), "is damaged: KeyError 'training'"),
        (one_bit, "is damaged (its content is not what was written)"),
    ],
)
def test_without_its_state_a_training_starts_over(tmp_path, undisturbed, digest, spoil, message):
    recording = Recording().take(run(spec(), data_dir=tmp_path), num_checkpoints=2)
    (path,) = (tmp_path / "trainings/supernets").glob("*.pt")
    spoil(path)
    left = recording.checkpoints[-1]["training"]

    recording.take(run(spec(), data_dir=tmp_path, resume=recording.checkpoints[-1]))

    (warning,) = [e.message for e in of_kind(recording.others, Log) if e.level == "warning"]
    assert message in warning
    assert "starts over" in warning
    again = recording.checkpoints[2]["training"]
    assert (left["step"], again["step"]) == (1, 0)
    assert again["key"] != left["key"]
    assert artifact_of(recording.others).digest == digest
    assert told(recording.others) == told(undisturbed.others)
    assert recording.timeless() == undisturbed.timeless()


def test_what_is_kept_on_the_way_can_be_searched_while_the_training_goes_on(tmp_path):
    training = run(spec(supernet={"kept": 2}), data_dir=tmp_path)
    early = next(event for event in training if isinstance(event, Artifact))

    searched = Recording().take(run(using(early.digest), data_dir=tmp_path))
    rest = of_kind(training, Artifact)

    assert (early.info["steps"], early.info["num_steps"], early.is_trained) == (2, 6, False)
    assert early.name == "spos-cell_27-step-2.safetensors"
    assert [t.scores[0].details["checkpoint"] for t in searched.trials] == [early.digest] * 6
    assert [(one.info["steps"], one.is_trained) for one in rest] == [(4, False), (6, True)]


@pytest.mark.usefixtures("_every_step")
def test_a_training_that_was_left_keeps_the_same_on_the_way(tmp_path, digest):
    keeping = spec(supernet={"kept": 2})
    left = Recording().take(run(keeping, data_dir=tmp_path), num_checkpoints=4)
    again = Recording().take(
        run(keeping, data_dir=tmp_path, resume=left.checkpoints[1]),  # before the first was kept
    )

    kept = [[one.digest for one in of_kind(r.others, Artifact)] for r in (left, again)]

    assert (len(kept[0]), len(kept[1])) == (1, 3)
    assert kept[0] == kept[1][:1]
    assert kept[1][-1] == digest  # keeping changes nothing of the training


def test_nothing_kept_leaves_no_trace_in_the_digest_of_a_spec():
    assert spec().digest() == spec(supernet={"kept": 0}).digest()
    assert spec().digest() != spec(supernet={"kept": 1}).digest()


def test_a_checkpoint_of_another_search_is_refused(tmp_path):
    recording = Recording().take(run(spec(), data_dir=tmp_path), num_checkpoints=1)

    with pytest.raises(RunError, match="another search"):
        next(run(spec(seed=1), data_dir=tmp_path, resume=recording.checkpoints[-1]))


def test_another_seed_gives_another_supernet_and_the_same_probes(tmp_path, undisturbed, digest):
    other = Recording().take(run(spec(seed=1, budget={"trials": 1}), data_dir=tmp_path))
    rankings = [
        next(e for e in of_kind(r.others, Snapshot) if e.name == "ranking")
        for r in (undisturbed, other)
    ]

    assert artifact_of(other.others).digest != digest
    assert rankings[0].content["archs"] == rankings[1].content["archs"]


def test_two_searches_use_one_checkpoint(folder, undisturbed, digest):
    own = [(t.arch, t.scores[0].value) for t in undisturbed.trials]
    listed = {"name": "listed", "params": {"archs": archs_of(undisturbed.trials)}}
    chosen = using(digest, seed=3, strategy=listed)
    evolved = using(
        digest,
        seed=4,
        strategy={"name": "nsga2", "params": {"population": 4}},
        objectives=[VALIDATION, "macs", "zen"],
    )

    first = Recording().take(run(chosen, data_dir=folder, memory=undisturbed))
    second = Recording().take(run(evolved, data_dir=folder, memory=undisturbed))

    assert [(t.arch, t.scores[0].value) for t in first.trials] == own
    assert all(t.scores[0].from_memory for t in first.trials)
    assert of_kind(first.others, Artifact) == of_kind(first.others, Metric) == []
    assert [s.kind for s in second.trials[0].scores] == ["supernet", "cost", "proxy"]
    assert "supernet" in second.checkpoints[-1]


def archs_of(trials):
    return [spaces["cell_27"].encode(trial.arch) for trial in trials]


def test_what_a_subnet_is_evaluated_with_does_not_change_its_value(folder, undisturbed, digest):
    archs = archs_of(undisturbed.trials)[::-1]
    chosen = using(digest, strategy={"name": "listed", "params": {"archs": archs}})

    again = Recording().take(run(chosen, data_dir=folder))

    assert [t.scores[0].value for t in again.trials] == (
        [t.scores[0].value for t in undisturbed.trials[::-1]]
    )
    assert [t.scores[0].memory_key for t in again.trials] == (
        [t.scores[0].memory_key for t in undisturbed.trials[::-1]]
    )


def test_the_test_part_is_another_measure(folder, digest):
    metric = {"metric": "supernet_accuracy", "params": {"calibration_batches": 1}}
    one = using(digest, objectives=[metric], budget={"trials": 1})

    (trial,) = Recording().take(run(one, data_dir=folder)).trials

    assert trial.scores[0].details["examples"] == 360
    assert 0 <= trial.scores[0].value <= 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "elastic_tiny"}, "supernet of cell_27, not of elastic_tiny"),
        (
            {"network": {"channels": 3, "cells": 1}},
            "cells 1, channels 2; the search has channels 3, cells 1",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_at_its_field(folder, digest, changes, message):
    with pytest.raises(SpecError, match=message) as caught:
        list(run(using(digest, **changes), data_dir=folder))

    assert list(caught.value.fields) == ["supernet.checkpoint"]


def test_a_missing_checkpoint_is_refused_at_its_field(folder):
    with pytest.raises(SpecError, match="there is no file"):
        list(run(using("0" * 32), data_dir=folder))


def test_a_measure_of_inherited_weights_needs_a_supernet(tmp_path):
    lacking = spec().model_copy(update={"supernet": None})

    with pytest.raises(SpecError, match="reads a trained supernet") as caught:
        list(run(lacking, data_dir=tmp_path))

    assert list(caught.value.fields) == ["objectives.0.metric"]


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ({"recipe": "bignas"}, "supernet.recipe.name"),  # cells have no largest subnet
        ({"params": {"epochs": 0}}, "supernet.recipe.params.epochs"),
        ({"recipe": "nothing"}, "supernet.recipe.name"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused_at_its_field(tmp_path, recipe, field):
    with pytest.raises(SpecError) as caught:
        list(run(spec(**recipe), data_dir=tmp_path))

    assert list(caught.value.fields) == [field]


@pytest.mark.usefixtures("_every_step")
def test_a_divergence_says_when_it_began_and_keeps_what_was_told(tmp_path):
    diverging = spec(
        params={**FAST, "epochs": 20, "lr": 10.0, "clip_norm": 0.0, "weight_decay": 1.0}
    )
    recording = Recording()

    with pytest.raises(RunError, match=r"diverged at step \d+") as caught:
        recording.take(run(diverging, data_dir=tmp_path))

    step = int(str(caught.value).partition("at step ")[2].partition(":")[0])
    assert max(step for name, step in told(recording.others) if name == "loss solo") == step
    assert recording.checkpoints[-1]["training"]["step"] == step


def test_too_little_memory_is_said_and_what_was_told_is_kept(tmp_path, monkeypatch):
    step = Training.step

    def failing(training):
        if training.steps_done == 2:
            raise torch.OutOfMemoryError("no room")
        return step(training)

    monkeypatch.setattr(Training, "step", failing)
    recording = Recording()

    with pytest.raises(RunError, match="out of memory at step 2"):
        recording.take(run(spec(), data_dir=tmp_path))

    assert ("loss solo", 2) in told(recording.others)
    assert recording.checkpoints[-1]["training"]["step"] == 0  # nothing was kept so early


MATCHING = {
    "recipe": "gradient_matching",
    "params": {
        "epochs": 1,
        "epochs_between": 1,
        "last_epochs": 1,
        "splits": 1,
        "batches": 3,
        "batch_size": 256,
    },
    "supernet": {"probes": 0, "looks": 1},
}


@pytest.mark.usefixtures("_every_step")
def test_a_run_left_within_a_split_equals_an_undisturbed_one(tmp_path, monkeypatch):
    whole = Recording().take(run(spec(**MATCHING), data_dir=tmp_path / "whole"))
    monkeypatch.setattr(supernet_stage, "PAUSE_S", 0.0)
    recording = Recording()

    for num_checkpoints in (10, 12):  # one at the beginning of a session, one after each moment
        resume = recording.checkpoints[-1] if recording.checkpoints else None
        events = run(spec(**MATCHING), data_dir=tmp_path, memory=recording, resume=resume)
        recording.take(events, num_checkpoints=num_checkpoints)
        events.close()
    resume = recording.checkpoints[-1]
    recording.take(run(spec(**MATCHING), data_dir=tmp_path, memory=recording, resume=resume))

    texts = [event.text for event in of_kind(recording.others, Progress)]
    assert any("splitting it: 1 of 9 batches seen" in text for text in texts)
    assert resume["training"]["step"] == 6 + 4  # six steps, and four of the nine batches
    assert artifact_of(recording.others).digest == artifact_of(whole.others).digest
    assert told(recording.others) == told(whole.others)
    assert conflicts(recording.others) == []


def test_a_wrong_parameter_of_the_network_is_refused_at_its_field(tmp_path):
    with pytest.raises(SpecError) as caught:
        list(run(spec(network={"channels": 0}), data_dir=tmp_path))

    assert list(caught.value.fields) == ["network.channels"]


def test_provenance_says_how_the_supernet_is_trained(tmp_path):
    described = provenance(spec(), data_dir=tmp_path)

    assert described["supernet"]["recipe"]["name"] == "spos"
    assert described["metrics"]["supernet_validation_accuracy"]["kind"] == "supernet"


ON_CELLS = {  # parameters, and what such a training tells besides what all tell
    "spos": ({"precision": "bfloat16"}, set()),
    "random_a": ({"norms": "tracked"}, set()),
    "fairnas": ({"source": "entangled"}, set()),
    "panda": ({}, {"paths", "data"}),
    "deeper_insights": ({}, set()),
    "few_shot": ({"member_epochs": 1}, {"splits"}),
    "gradient_matching": (
        {"epochs_between": 1, "last_epochs": 1, "splits": 1, "batches": 1},
        {"splits"},
    ),
    "hypernetwork": ({}, {"generated norm"}),
}
ON_SIZES = {
    "sandwich": ({"num_mid": 0}, {"accuracy largest", "accuracy smallest"}),
    "bignas": (
        {"num_mid": 0},
        {"loss max", "loss min", "divergence min", "gradient norm", "uncalibrated smallest"},
    ),
    "attentivenas": ({"num_mid": 1}, {"loss mid"}),
    "alphanet": (
        {"num_mid": 0},
        {"branch alpha_minus", "divergence alpha_plus", "clipped entries", "greatest gradient"},
    ),
    "deps": (
        {"epochs": 3, "num_mid": 0, "ready": 0.6, "fade": 0.3},
        {"weight min", "rate min", "paths"},
    ),
    "mixture_of_supernets": ({"num_mid": 0}, {"routing entropy", "routing"}),
    "shiftnas": ({"bins": 2, "norms": "batch", "warmup_epochs": 0}, {"paths", "picks"}),
}


@pytest.mark.parametrize(
    ("space", "recipe"),
    [*(("cell_27", name) for name in ON_CELLS), *(("elastic_tiny", name) for name in ON_SIZES)],
)
def test_every_recipe_trains_what_is_searched_afterwards(tmp_path, space, recipe):
    params, names = (ON_CELLS | ON_SIZES)[recipe]
    quick = spec(
        recipe,
        space,
        params={"epochs": 1, "batch_size": 400, **params},
        supernet={"validation_share": 0.5, "probes": 1, "looks": 0},
        budget={"trials": 2},
        objectives=[VALIDATION],
    )

    recording = Recording().take(run(quick, data_dir=tmp_path))

    assert [trial.state for trial in recording.trials] == ["done"] * 2
    assert artifact_of(recording.others).info["recipe"] == recipe
    assert {name for name, _ in told(recording.others)} >= names | {
        "learning rate",
        "accuracy sampled",
        "ranking",
        "choices",
    }


def test_every_recipe_is_among_them():
    assert set(recipes) == {*ON_CELLS, *ON_SIZES}

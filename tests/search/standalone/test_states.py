import logging
import os
import time

import pytest
import torch

from search.saved_state import save_state
from search.standalone.states import FOLDER, States, prune

KEY = "a" * 32


@pytest.fixture
def folder(tmp_path):
    return tmp_path / FOLDER


def states(tmp_path, epochs, key=KEY):
    return States(tmp_path, key, epochs)


def state(epoch):
    return {"epoch": epoch, "weights": torch.full((3,), float(epoch))}


def test_what_is_written_is_found_again(tmp_path):
    states(tmp_path, 4).write(state(2))

    found = states(tmp_path, 4).latest()

    assert found["epoch"] == 2
    assert found["weights"].tolist() == [2.0, 2.0, 2.0]


def test_nothing_is_found_where_nothing_was_written(tmp_path):
    assert states(tmp_path, 4).latest() is None


def test_a_longer_training_finds_what_a_shorter_one_left(tmp_path):
    states(tmp_path, 2).write(state(2))
    states(tmp_path, 3).write(state(1))

    assert states(tmp_path, 9).latest()["epoch"] == 2


def test_a_shorter_training_does_not_take_a_longer_one_s(tmp_path):
    states(tmp_path, 9).write(state(2))

    assert states(tmp_path, 4).latest() is None


def test_another_training_is_not_found(tmp_path):
    states(tmp_path, 4, key="b" * 32).write(state(2))

    assert states(tmp_path, 4).latest() is None


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


def empty(path):
    path.write_bytes(b"")


def noise(path):
    path.write_bytes(bytes(range(256)) * 9)


def one_bit(path):
    content = path.read_bytes()
    weight = torch.full((3,), 2.0).numpy().tobytes()
    assert content.count(weight) == 1
    path.write_bytes(content.replace(weight, b"\1" + weight[1:]))


def foreign(path):
    save_state({"version": 1, "key": "c" * 32, "epoch": 1}, path)


def bare(path):
    save_state([1, 2], path)


def code(path):
    save_state({"version": 1, "key": KEY, "epoch": 1, "f": print}, path)


@pytest.mark.parametrize("spoil", [cut, empty, noise, one_bit, foreign, bare, code])
def test_a_damaged_file_is_told_and_dropped(tmp_path, folder, caplog, spoil):
    states(tmp_path, 4).write(state(2))
    (path,) = folder.iterdir()
    spoil(path)

    with caplog.at_level(logging.WARNING):
        found = states(tmp_path, 4).latest()

    assert found is None
    assert "its training starts over" in caplog.text
    assert not path.exists()


def test_a_good_file_serves_though_another_is_damaged(tmp_path, folder):
    states(tmp_path, 2).write(state(1))
    states(tmp_path, 3).write(state(3))
    noise(folder / f"{KEY}.000003.pt")

    assert states(tmp_path, 4).latest()["epoch"] == 1


def test_the_end_takes_away_what_shorter_trainings_left(tmp_path, folder):
    states(tmp_path, 2).write(state(2))
    states(tmp_path, 9).write(state(1))

    states(tmp_path, 4).finish(state(4))

    assert sorted(path.name for path in folder.iterdir()) == [
        f"{KEY}.000004.pt",
        f"{KEY}.000009.pt",
    ]


def test_a_disk_that_takes_nothing_is_told_and_survived(tmp_path, folder, caplog, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)

    with caplog.at_level(logging.WARNING):
        states(tmp_path, 4).write(state(2))

    assert "cannot be kept" in caplog.text
    assert list(folder.iterdir()) == []


def aged(path, days):
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))


def test_the_disk_is_bounded(folder):
    folder.mkdir()
    for place in range(6):
        path = folder / f"{place:032x}.000004.pt"
        path.write_bytes(b"x" * 100)
        aged(path, place)

    prune(folder, max_bytes=450, max_files=5)

    assert len(list(folder.iterdir())) == 4
    prune(folder, max_bytes=450, max_files=3)
    assert [path.name[31] for path in sorted(folder.iterdir())] == ["0", "1", "2"]


def test_what_is_old_goes_unfinished_files_too(folder):
    folder.mkdir()
    for name, days in (("new.pt", 1), ("old.pt", 40), ("old.000004.77.part", 40)):
        (folder / name).write_bytes(b"x")
        aged(folder / name, days)

    prune(folder)

    assert [path.name for path in folder.iterdir()] == ["new.pt"]

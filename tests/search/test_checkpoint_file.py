"""Files of trained supernets from elsewhere: what they are is read without torch."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save

from search.artifacts import digest_of
from search.catalogue import CHECKPOINT_VERSION
from search.checkpoint_file import described, examined
from search.errors import DataError

ABOUT = {
    "version": CHECKPOINT_VERSION,
    "space": "cell_27",
    "network": {"channels": 2, "cells": 1},
    "shape": [1, 8, 8],
    "num_classes": 10,
    "dataset": "digits",
    "dataset_digest": "d" * 32,
    "recipe": "spos",
    "recipe_params": {"epochs": 3},
    "steps": 120,
    "parts": [],
    "norms": "recalibrated",
}
TENSORS = {"net.weight": np.ones((3, 2), np.float32), "held_out": np.arange(5)}


def content(about=ABOUT, tensors=TENSORS):
    return save(tensors, {"archfront": json.dumps(about)})


@pytest.fixture
def written(tmp_path):
    def write(content, name="net.safetensors"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_a_file_says_what_it_is(written):
    whole = content()

    info = examined(written(whole))

    assert (info.space, info.recipe, info.recipe_params) == ("cell_27", "spos", {"epochs": 3})
    assert (info.digest, info.size_bytes, info.job_id) == (digest_of(whole), len(whole), None)


def test_a_file_cannot_say_what_the_record_says():
    whole = content({**ABOUT, "job_id": 7, "name": "mine", "created_at": "long ago"})

    _, info = described(io.BytesIO(whole), "e" * 32)

    assert (info.job_id, info.name, info.created_at, info.digest) == (None, "", "", "e" * 32)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b"", "no checkpoint of a supernet"),
        (b"\xff" * 64, "no checkpoint of a supernet"),
        (b"\x02" + bytes(7) + b"[]", "no checkpoint of a supernet"),
        (content()[:60], "no checkpoint of a supernet"),
        (save(TENSORS), "no checkpoint of a supernet"),
        (content({**ABOUT, "steps": "many"}), "no checkpoint of a supernet"),
        (content(["not", "fields"]), "no checkpoint of a supernet"),
        (content(tensors={"held_out": np.arange(5)}).replace(b"[0,40]", b"[8,48]"), "no checkp"),
        (content()[:-1], "is damaged: it has"),
        (content() + b"\0", "is damaged: it has"),
        (content(tensors={"net.weight": np.ones(3)}), "not say which examples"),
        (content({**ABOUT, "version": 99}), "of version 99, and version 1 is needed"),
    ],
)
def test_what_is_damaged_or_foreign_is_refused_with_a_reason(written, broken, message):
    with pytest.raises(DataError, match=message):
        examined(written(broken))


def test_content_is_held_against_the_hash_that_names_it(written):
    whole = content()
    other = whole[:-1] + bytes([whole[-1] ^ 1])

    examined(written(whole, f"{digest_of(whole)}.safetensors"))
    with pytest.raises(DataError, match=f"has the hash {digest_of(other)}, not"):
        examined(written(other, f"{digest_of(whole)}.safetensors"))
    with pytest.raises(DataError, match="is damaged"):
        examined(written(other), digest_of(whole))


def test_torch_is_not_needed():
    code = "import sys, search.checkpoint_file; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

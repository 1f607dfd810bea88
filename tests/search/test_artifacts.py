import pytest

from search import artifacts
from search.errors import DataError


def test_equal_contents_are_one_file(tmp_path):
    first = artifacts.keep(tmp_path, b"weights", "safetensors")
    again = artifacts.keep(tmp_path, b"weights", "safetensors")

    digest, path = first
    assert first == again
    assert path.name == f"{digest}.safetensors"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert artifacts.read(tmp_path, digest) == b"weights"


def test_a_damaged_file_is_refused_and_written_anew(tmp_path):
    digest, path = artifacts.keep(tmp_path, b"weights", "pt")
    path.write_bytes(b"weighty")

    with pytest.raises(DataError, match="is damaged"):
        artifacts.read(tmp_path, digest)

    artifacts.keep(tmp_path, b"weights", "pt")
    assert artifacts.read(tmp_path, digest) == b"weights"


def test_a_missing_file_is_named(tmp_path):
    digest = artifacts.digest_of(b"never written")

    with pytest.raises(DataError, match=digest):
        artifacts.find(tmp_path, digest)


def test_an_unfinished_file_is_no_file(tmp_path):
    digest, path = artifacts.keep(tmp_path, b"weights", "pt")
    path.rename(path.with_name(f"{path.name}.77.part"))

    with pytest.raises(DataError, match="there is no file"):
        artifacts.find(tmp_path, digest)


@pytest.mark.parametrize("digest", ["../../secret", "*", "", "A" * 32])
def test_what_is_no_hash_finds_nothing(tmp_path, digest):
    artifacts.keep(tmp_path, b"weights", "pt")

    with pytest.raises(DataError, match="there is no file"):
        artifacts.find(tmp_path, digest)

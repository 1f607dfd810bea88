"""CIFAR-10 (Krizhevsky, 2009): 60,000 colour photographs of 10 classes, 32 x 32."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from search.datasets import DatasetInfo, Images, Part, Pixels, datasets
from search.datasets._digest import digest_of
from search.datasets._folder import datasets_dir, inside
from search.errors import DataError

ARCHIVE = "cifar-10-binary.tar.gz"
PACKED = "cifar10_full_jpeg.npz"
TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILE = "test_batch.bin"
IMAGES_PER_FILE = 10_000
RECORD_BYTES = 1 + 3 * 32 * 32  # label, then the red, green and blue planes
MEAN = (0.4914, 0.4822, 0.4465)  # of the training images; the field's usual figures
DEVIATION = (0.2470, 0.2435, 0.2616)
CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


@datasets.register
def cifar10(data_dir: Path, /) -> Images:
    """CIFAR-10 from datasets/cifar10: the binary archive, its .bin files, or JPEG in an npz."""
    root = datasets_dir(data_dir)
    folder = root / "cifar10"
    for name, open_file in _FORMS.items():
        path = folder / name
        if path.is_file():
            signature = path.stat()
            return open_file(inside(root, path), signature.st_mtime_ns, signature.st_size)
    raise DataError(
        f"CIFAR-10 is not in {folder}: put {ARCHIVE} (the binary version of the official "
        f"download), its extracted .bin files, or {PACKED} there"
    )


@lru_cache(maxsize=2)
def _from_archive(path: Path, _mtime_ns: int, _size: int) -> Images:
    wanted = {*TRAIN_FILES, TEST_FILE}
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                content = archive.extractfile(member) if name in wanted else None
                if content is not None:  # read in memory: nothing is unpacked to disk
                    found[name] = content.read(IMAGES_PER_FILE * RECORD_BYTES + 1)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path} cannot be read ({error}): download it again") from None
    return _from_records(path, found.get)


@lru_cache(maxsize=2)
def _from_folder(path: Path, _mtime_ns: int, _size: int) -> Images:
    def content(name: str) -> bytes | None:
        file = path.parent / name
        return inside(path.parents[1], file).read_bytes() if file.is_file() else None

    return _from_records(path.parent, content)


def _from_records(source: Path, content: Callable[[str], bytes | None]) -> Images:
    records = [_records(source, name, content(name)) for name in (*TRAIN_FILES, TEST_FILE)]
    train = np.concatenate(records[:-1])
    test = records[-1]
    digest = digest_of([train.data, test.data])
    return _images(_part_of_records(train), _part_of_records(test), digest)


def _records(source: Path, name: str, content: bytes | None) -> NDArray[np.uint8]:
    expected = IMAGES_PER_FILE * RECORD_BYTES
    if content is None:
        raise DataError(f"{name} is missing in {source}: all six .bin files are needed")
    if len(content) != expected:
        raise DataError(
            f"{name} in {source} is broken: it should have {expected:,} bytes; download it again"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD_BYTES)
    wrong = np.flatnonzero(records[:, 0] >= len(CLASS_NAMES))
    if len(wrong):
        raise DataError(
            f"{name} in {source} is broken: image {wrong[0]} has class {records[wrong[0], 0]}, "
            "but classes go from 0 to 9; download it again"
        )
    return records


def _part_of_records(records: NDArray[np.uint8]) -> Part:
    def pixels(places: NDArray[np.int64]) -> Pixels:
        planes_NCHW = records[places, 1:].reshape(-1, 3, 32, 32)
        return planes_NCHW.transpose(0, 2, 3, 1)

    return Part(records[:, 0].astype(np.int64), pixels)


@lru_cache(maxsize=2)
def _from_packed(path: Path, _mtime_ns: int, _size: int) -> Images:
    names = [f"{part}_{what}" for part in ("train", "test") for what in _PACKED_ARRAYS]
    try:
        with np.load(path, allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in names}
    except KeyError as error:
        raise DataError(f"{path} holds no array {error}: it is not the packed CIFAR-10") from None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}): copy it again") from None
    train, test = (
        _packed_part(path, *(arrays[f"{part}_{what}"] for what in _PACKED_ARRAYS))
        for part in ("train", "test")
    )
    return _images(train, test, digest_of(arrays[name].tobytes() for name in names))


def _packed_part(
    path: Path, jpeg: NDArray[np.uint8], offsets: NDArray[np.int64], labels: NDArray[np.uint8]
) -> Part:
    fits = len(offsets) == len(labels) + 1 and len(labels) and int(offsets[-1]) == len(jpeg)
    if not fits or labels.max() >= len(CLASS_NAMES):
        raise DataError(f"{path} is broken: its offsets or labels do not fit; copy it again")

    def pixels(places: NDArray[np.int64]) -> Pixels:
        return np.stack([decode(int(i)) for i in places])

    def decode(i: int) -> Pixels:
        content = jpeg[offsets[i] : offsets[i + 1]].tobytes()
        try:
            decoded = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise DataError(f"image {i} in {path} does not decode ({error})") from None
        if decoded.shape != (32, 32, 3):
            raise DataError(f"image {i} in {path} is not 32 x 32; copy the file again")
        return decoded

    return Part(labels.astype(np.int64), pixels)


def _images(train: Part, test: Part, digest: str) -> Images:
    info = DatasetInfo(
        shape=(3, 32, 32),
        num_classes=len(CLASS_NAMES),
        num_train=len(train.labels),
        num_test=len(test.labels),
        digest=digest,
        class_names=CLASS_NAMES,
    )
    return Images(info, train, test, MEAN, DEVIATION)


_PACKED_ARRAYS = ("jpeg", "offsets", "labels")
_FORMS: dict[str, Callable[[Path, int, int], Images]] = {
    ARCHIVE: _from_archive,
    TRAIN_FILES[0]: _from_folder,
    f"cifar-10-batches-bin/{TRAIN_FILES[0]}": _from_folder,
    PACKED: _from_packed,
}

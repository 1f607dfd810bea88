"""Any folder of class folders of images: datasets/<folder>/<class>/<image>."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import Field

from search.datasets import DatasetInfo, Images, Part, Pixels, datasets
from search.datasets._digest import digest_of
from search.datasets._folder import datasets_dir, inside
from search.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"})
RESERVED = frozenset({"cifar10"})  # folders of other data sets
MAX_PIXELS = 64_000_000
TEST_SHARE = 0.2

Files = tuple[tuple[str, int], ...]  # path within the folder, class


@datasets.register
def image_folder(
    data_dir: Path,
    /,
    *,
    folder: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}$",
            description="A folder in datasets that holds one folder of images for each class.",
        ),
    ] = "images",
    size: Annotated[
        int, Field(ge=8, le=256, description="Images are cropped to a square of this size.")
    ] = 32,
    channels: Annotated[
        Literal[1, 3], Field(description="1 reads images as grey, 3 as colour.")
    ] = 3,
) -> Images:
    """Your own images: datasets/<folder> holds one folder of images for each class."""
    root = datasets_dir(data_dir)
    path = inside(root, root / folder)
    class_names, files = _listed(path)
    splits = [_is_test(name) for name, _ in files]
    train = tuple(file for file, is_test in zip(files, splits, strict=True) if not is_test)
    test = tuple(file for file, is_test in zip(files, splits, strict=True) if is_test)
    if not train:
        raise DataError(f"{path} holds too few images to split: add some to each class folder")
    info = DatasetInfo(
        shape=(channels, size, size),
        num_classes=len(class_names),
        num_train=len(train),
        num_test=len(test),
        digest=_digest(path, files, size, channels),
        class_names=class_names,
    )
    flat = [0.5] * channels, [0.25] * channels  # the same for all images, so that none matters
    parts = [_part(path, chosen, size, channels) for chosen in (train, test)]
    return Images(info, parts[0], parts[1], *flat)


def folders(data_dir: Path) -> dict[str, list[str]]:
    """The folders in datasets that hold folders."""
    root = datasets_dir(data_dir)
    if not root.is_dir():
        return {"folder": []}
    found = [
        path.name
        for path in sorted(root.iterdir())
        if path.is_dir() and path.name not in RESERVED and _class_folders(path)
    ]
    return {"folder": found}


image_folder.choices = folders  # type: ignore[attr-defined]


def _class_folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _listed(path: Path) -> tuple[tuple[str, ...], Files]:
    if not path.is_dir():
        raise DataError(
            f"there is no folder {path}: make it, with one folder of images for each class in it"
        )
    classes = _class_folders(path)
    if len(classes) < 2:
        raise DataError(f"{path} holds {len(classes)} class folders; at least 2 are needed")
    files = tuple(
        (str(file.relative_to(path)), label)
        for label, class_dir in enumerate(classes)
        for file in _images_in(path, class_dir)
    )
    return tuple(p.name for p in classes), files


def _images_in(root: Path, class_dir: Path) -> list[Path]:
    inside(root, class_dir)
    found = sorted(p for p in class_dir.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise DataError(f"{class_dir} holds no image ({', '.join(sorted(SUFFIXES))})")
    return [inside(root, file) for file in found]


def _is_test(name: str) -> bool:
    """By the file's own name, so that adding a file moves no other."""
    place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
    return place < TEST_SHARE * 2**32


def _digest(path: Path, files: Files, size: int, channels: int) -> str:
    content = [_file_digest(path / name, *_signature(path / name)) for name, _ in files]
    names = [
        f"{name}:{label}:{digest}" for (name, label), digest in zip(files, content, strict=True)
    ]
    return digest_of([f"{size}x{channels}".encode(), "\n".join(names).encode()])


def _signature(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=200_000)
def _file_digest(path: Path, _mtime_ns: int, _size: int) -> str:
    return digest_of([path.read_bytes()])


def _part(path: Path, files: Files, size: int, channels: int) -> Part:
    def pixels(places: NDArray[np.int64]) -> Pixels:
        return np.stack([_decoded(path / files[int(i)][0], size, channels) for i in places])

    labels: Sequence[int] = [label for _, label in files]
    return Part(np.asarray(labels, dtype=np.int64), pixels)


def _decoded(path: Path, size: int, channels: int) -> Pixels:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"{path} has over {MAX_PIXELS:,} pixels: make it smaller")
            square = _centre(image.convert("L" if channels == 1 else "RGB"))
            pixels = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} does not decode as an image ({error}): replace or remove it"
        ) from None
    return pixels.reshape(size, size, channels)


def _centre(image: Image.Image) -> Image.Image:
    side = min(image.width, image.height)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))

"""Where the files of data sets lie: in ``datasets`` inside the data folder, and nowhere else."""

from pathlib import Path

from search.errors import DataError


def datasets_dir(data_dir: Path) -> Path:
    """The folder that people put data sets in."""
    return data_dir / "datasets"


def inside(root: Path, path: Path) -> Path:
    """*path*, if it lies in *root* after links are followed.

    Raises:
        DataError: it leads outside.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{path} leads outside {root}: put the files themselves there, not links")
    return path

"""Train the supernet of a search by several processes, one for each accelerator or core.

Started by torchrun, in every process::

    torchrun --nproc-per-node=4 -m search.train_supernet search.yaml --data-dir data

The file is that of a search with ``supernet.recipe``; nothing is searched. Interrupted, the same
command goes on from the latest state that was kept. In the end the first process prints the hash
of the trained supernet, which lies in the folder ``artifacts`` of the data folder.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist

from search.errors import DataError, RunError, SpecError
from search.events import Artifact, Event, Log, Progress
from search.spec import Spec, load_submission
from search.supernet_stage import trained_supernet
from search.supernets.distributed import Together, local_rank, together
from search.supernets.state_files import StateFiles


def main(arguments: Sequence[str]) -> int:
    """Train as the command line says; the exit status."""
    parser = argparse.ArgumentParser(prog="train_supernet", description=__doc__)
    parser.add_argument("file", type=Path, help="a search with supernet.recipe, as YAML")
    parser.add_argument("--data-dir", type=Path, required=True, help="data sets and artifacts")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="gpu where there is one")
    given = parser.parse_args(arguments)
    device = given.device or ("gpu" if torch.cuda.is_available() else "cpu")
    try:
        spec = load_submission(given.file.read_text("utf-8")).specs()[0]
        if spec.supernet is None or spec.supernet.recipe is None:
            raise SpecError({"supernet.recipe": "the file says of no supernet how to train it"})
        with together("gloo" if device == "cpu" else None) as processes:
            _train(spec, given.data_dir, device, processes)
    except (OSError, SpecError, DataError, RunError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _train(spec: Spec, data_dir: Path, device: str, processes: Together) -> None:
    key = hashlib.blake2b(spec.digest().encode(), digest_size=16).hexdigest()
    step = [StateFiles(data_dir, key).latest]
    dist.broadcast_object_list(step)  # all go on from what the first process sees
    place = f"cuda:{local_rank()}" if device == "gpu" else device
    resume = {"training": {"key": key, "step": step[0]}}
    for event in trained_supernet(spec, data_dir, place, resume, processes):
        if processes.rank == 0:
            _tell(event)


def _tell(event: Event) -> None:
    if isinstance(event, Progress):
        sys.stderr.write(f"{event.text}\n")
    elif isinstance(event, Log):
        sys.stderr.write(f"{event.message}\n")
    elif isinstance(event, Artifact):
        sys.stdout.write(f"{event.digest}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

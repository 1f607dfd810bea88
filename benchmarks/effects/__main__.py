"""Run protocols and write docs/effects.md: ``python -m benchmarks.effects``."""

import argparse
import sys
from pathlib import Path

import torch

from benchmarks.effects.protocol import Effect
from benchmarks.effects.protocols import effects
from benchmarks.effects.running import Folder, jobs
from benchmarks.effects.writing import report, revised

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "effects.md"


def main(arguments: list[str]) -> int:
    """Run what is missing, then write the page; 1 when a name is unknown."""
    options = parsed(arguments)
    known = {effect.name: effect for effect in effects()}
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        print(f"no protocol {', '.join(unknown)}; known: {', '.join(known)}")
        return 1
    chosen = [known[name] for name in options.names or known]
    folder = Folder(options.folder, options.data)
    torch.set_num_threads(1)
    if not options.write_only:
        run([effect for effect in chosen if can_run(effect, folder)], folder)
    page = revised(PAGE.read_text(), chosen, folder) if options.names else None
    PAGE.write_text(page or report(list(known.values()), folder))
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.effects", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help="protocols whose sections are written anew; all, and the whole page, when left out",
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "effects", help="keeps the results"
    )
    parser.add_argument("--data", type=Path, help="has cifar10_full_jpeg.npz and nb201.csv.gz")
    parser.add_argument("--write-only", action="store_true", help="run nothing")
    return parser.parse_args(arguments)


def can_run(effect: Effect, folder: Folder) -> bool:
    """Published accuracies are needed for one of them."""
    if effect.name != "nasbench201" or folder.data:
        return True
    print("nasbench201 is left out: name a folder with its images and accuracies, --data")
    return False


def run(chosen: list[Effect], folder: Folder) -> None:
    """Run what is missing; say so."""
    for effect, arm, seed in jobs(chosen):
        if folder.result(effect.name, arm, seed) is None:
            print(f"{effect.name}: {arm.name}, seed {seed}", flush=True)
            folder.run(effect.name, arm, seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

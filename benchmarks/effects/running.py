"""Runs arms, and keeps every result in a folder, so that it can be interrupted."""

import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.effects.protocol import Arm, Effect, Measures
from benchmarks.effects.supernets import mean
from benchmarks.effects.truth import NUM_SEEDS, TABLES

TRUTH = "truth"  # in place of a protocol's name
Kept = dict[str, dict[int, Measures]]  # by arm and seed


@dataclass(frozen=True)
class Folder:
    """Results, one file for each protocol, arm and seed.

    Attributes:
        path: of the folder.
        data: a folder with CIFAR-10 and published accuracies; None when there is none.
    """

    path: Path
    data: Path | None = None

    def run(self, effect: str, arm: Arm, seed: int) -> Measures:
        """The result that is kept, or a new one."""
        known = self.result(effect, arm, seed)
        if known is not None:
            return known
        since = time.perf_counter()
        measures = arm.run(self, seed)
        content = {
            "digest": _digest(effect, arm),
            "seconds": time.perf_counter() - since,
            "measures": measures,
        }
        file = self._file(effect, arm, seed)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(content) + "\n")
        part.replace(file)
        return measures

    def result(self, effect: str, arm: Arm, seed: int) -> Measures | None:
        """What is kept; None where there is nothing, or something of other settings."""
        content = self._content(effect, arm, seed)
        return content["measures"] if content else None

    def results(self, effect: Effect) -> Kept:
        """All that is kept of a protocol."""
        found: Kept = {arm.name: {} for arm in effect.arms}
        for arm in effect.arms:
            for seed in effect.seeds:
                measures = self.result(effect.name, arm, seed)
                if measures is not None:
                    found[arm.name][seed] = measures
        return found

    def seconds(self, effect: Effect) -> float:
        """That all of it took; of a table, in the arm that first asked for it."""
        contents = (
            self._content(effect.name, arm, seed) for arm in effect.arms for seed in effect.seeds
        )
        return sum(content["seconds"] for content in contents if content)

    def truth(self, table: str) -> list[float]:
        """Mean over seeds; trained now where it is not known."""
        found = [self.run(TRUTH, TABLES[table], seed)["scores"] for seed in range(NUM_SEEDS)]
        return [mean(values) for values in zip(*found, strict=True)]

    def truth_by_seed(self, table: str) -> list[list[float]]:
        """Of the seeds that are kept."""
        found = (self.result(TRUTH, TABLES[table], seed) for seed in range(NUM_SEEDS))
        return [measures["scores"] for measures in found if measures]

    def _file(self, effect: str, arm: Arm, seed: int) -> Path:
        return self.path / effect / f"{re.sub(r'[^a-z0-9]+', '-', arm.name.lower())}-{seed}.json"

    def _content(self, effect: str, arm: Arm, seed: int) -> Measures | None:
        with suppress(FileNotFoundError):
            content: Measures = json.loads(self._file(effect, arm, seed).read_text())
            if content["digest"] == _digest(effect, arm):
                return content
        return None


def _digest(effect: str, arm: Arm) -> str:
    """Of the settings of the arm, and of the tables that it may be held against."""
    tables = [] if effect == TRUTH else [table.digest for table in TABLES.values()]
    return "-".join([arm.digest, *tables])


def jobs(effects: Sequence[Effect]) -> Iterator[tuple[Effect, Arm, int]]:
    """Everything that is to be run: all protocols with the first seed, then the next seed."""
    for seed in range(max((effect.num_seeds for effect in effects), default=0)):
        for effect in effects:
            if seed < effect.num_seeds:
                for arm in effect.arms:
                    yield effect, arm, seed

"""Turn what a run yields into what the record stores."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.trials import (
    ArtifactRow,
    Batch,
    LogRow,
    MetricRow,
    ProgressRow,
    ScoreRow,
    SnapshotRow,
    TrialRow,
)
from search.events import (
    Artifact,
    Checkpoint,
    Event,
    Log,
    Metric,
    Progress,
    Score,
    Snapshot,
    Trial,
)

_RETOLD = (Metric, Snapshot, Progress)  # a run that goes on from before them tells the same again

ProvenanceOf = Callable[[Score], "str | None"]


@dataclass
class Pending:
    """Events that are not written yet; what the last checkpoint covers may be.

    So may the metrics, snapshots and progress that follow it, for there is no harm in writing
    them again; else a long training would show nothing between two checkpoints.

    Attributes:
        num_covered: so many of the first events are safe to write.
    """

    events: list[Event] = field(default_factory=list)
    num_covered: int = 0

    def add(self, event: Event) -> None:
        """Take in what the run has yielded."""
        is_next = self.num_covered == len(self.events)
        self.events.append(event)
        if isinstance(event, Checkpoint) or (is_next and isinstance(event, _RETOLD)):
            self.num_covered = len(self.events)

    def covered(self) -> Sequence[Event]:
        """What may be written: the run can go on after it."""
        return self.events[: self.num_covered]

    def forget(self, num: int) -> None:
        """So many of the first events are written."""
        del self.events[:num]
        self.num_covered = max(0, self.num_covered - num)


def batch_of(
    events: Sequence[Event],
    provenance_of: ProvenanceOf,
    provenance: Mapping[str, Mapping[str, Any]],
    environment: Mapping[str, Any] | None = None,
    *,
    since_step: int = 0,
) -> Batch:
    """One batch for :func:`db.trials.record`; of progress and checkpoints the last counts.

    Args:
        events: up to a checkpoint, or to the end of the run.
        provenance_of: the id of a score's provenance.
        provenance: content by id, where it is new.
        environment: of the run, where it is new.
        since_step: of the checkpoint written last; a training beyond it has come further.
    """
    trials = [event for event in events if isinstance(event, Trial)]
    progress = [event for event in events if isinstance(event, Progress)]
    checkpoints = [event for event in events if isinstance(event, Checkpoint)]
    return Batch(
        trials=[_trial_row(trial) for trial in trials],
        scores=[row for trial in trials for row in _score_rows(trial, provenance_of)],
        metrics=[MetricRow(e.name, e.step, e.value) for e in events if isinstance(e, Metric)],
        snapshots=[
            SnapshotRow(e.name, e.step, e.content) for e in events if isinstance(e, Snapshot)
        ],
        artifacts=[_artifact_row(e) for e in events if isinstance(e, Artifact)],
        logs=[LogRow(e.level, e.message) for e in events if isinstance(e, Log)],
        progress=_progress_row(progress[-1]) if progress else None,
        checkpoint=checkpoints[-1].state if checkpoints else None,
        is_further=bool(checkpoints) and checkpoints[-1].step > since_step,
        provenance=provenance,
        environment=environment,
    )


def content_id(content: Mapping[str, Any]) -> str:
    """32 hex digits that stand for this content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _trial_row(trial: Trial) -> TrialRow:
    return TrialRow(
        number=trial.number,
        arch_key=trial.arch_key,
        choices=trial.arch,
        state=trial.state,
        parents=trial.parents,
        violation=trial.violation,
        clock_s=trial.clock_s,
    )


def _artifact_row(artifact: Artifact) -> ArtifactRow:
    return ArtifactRow(
        kind=artifact.kind,
        name=artifact.name,
        digest=artifact.digest,
        size=artifact.size,
        info=artifact.info,
        number=artifact.number,
    )


def _score_rows(trial: Trial, provenance_of: ProvenanceOf) -> list[ScoreRow]:
    return [
        ScoreRow(
            number=trial.number,
            objective=place,
            kind=score.kind,
            status=score.status,
            value=score.value,
            seconds=score.seconds,
            from_memory=score.from_memory,
            is_shared=score.is_shared,
            memory_key=score.memory_key,
            details=score.details or None,
            provenance_id=provenance_of(score),
        )
        for place, score in zip(trial.places, trial.scores, strict=True)
    ]


def _progress_row(progress: Progress) -> ProgressRow:
    return ProgressRow(progress.share, progress.eta_s, progress.text)

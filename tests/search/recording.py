"""A record in memory, for tests of runs: what a worker would write and recall."""

from dataclasses import replace

from search.events import Checkpoint, Trial
from search.memory import Visit


class Recording:
    """Takes events; what came after the last checkpoint is lost, as it is in a crash."""

    def __init__(self):
        self.trials = []
        self.checkpoints = []
        self.others = []
        self._scores = {}
        self._open = []

    def take(self, events, *, num_checkpoints=None):
        """Listen to *events*, to the end or until so many checkpoints have come."""
        for event in events:
            if isinstance(event, Trial):
                self._open.append(event)
            elif isinstance(event, Checkpoint):
                self._commit(event)
            else:
                self.others.append(event)
            if num_checkpoints is not None and len(self.checkpoints) >= num_checkpoints:
                break
        self._open = []
        return self

    def _commit(self, checkpoint):
        self.trials += self._open
        for trial in self._open:
            self._scores |= {s.memory_key: s for s in trial.scores if s.memory_key}
        self._open = []
        self.checkpoints.append(checkpoint.state)

    def recall(self, keys):
        known = [key for key in keys if key in self._scores]
        return {key: replace(self._scores[key], is_shared=True) for key in known}

    def visited(self):
        return (Visit(trial.arch, trial.only) for trial in self.trials)

    def of_kind(self, kind):
        """Logs or progress, in their order."""
        return [event for event in self.others if isinstance(event, kind)]

    def timeless(self):
        """The trials, without the times that differ from run to run."""
        return [
            replace(trial, scores=tuple(replace(s, seconds=0.0) for s in trial.scores))
            for trial in self.trials
        ]

"""Where a run is: in the training of a supernet, or at which trial."""

from search.events import Artifact, Checkpoint, Event, Trial
from search.spec import Spec


class Course:
    """Where a run is.

    Args:
        spec: of the job.
        num_trials: that are recorded.
        step: of the checkpoint that it goes on from.
        trained: the supernet that the job has trained already; None before.

    Attributes:
        step: of the last checkpoint of the training under way, else 0.
        supernet: whose weights the trials inherit; None when there is none, or none yet.
    """

    def __init__(self, spec: Spec, num_trials: int, step: int, trained: str | None) -> None:
        use = spec.supernet
        self.step = step
        self.supernet = trained if use is None else use.checkpoint or trained
        self._num_trials = num_trials
        self._trains_first = use is not None and use.recipe is not None

    @property
    def number(self) -> int | None:
        """Of the trial that comes next; None while the supernet is trained before them."""
        is_training = self._trains_first and self.supernet is None
        return None if is_training else self._num_trials

    def follow(self, event: Event) -> None:
        """Go along with the run."""
        match event:
            case Trial():
                self._num_trials += 1
                self.step = 0
            case Checkpoint():
                self.step = event.step
            case Artifact(is_trained=True):
                self.supernet = event.digest

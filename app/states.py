"""The same name, icon and colour for a state on every page; never colour alone."""

from dataclasses import dataclass
from typing import Literal

from db.models import JobState

Colour = Literal["gray", "blue", "orange", "green", "red", "violet", "yellow"]


@dataclass(frozen=True)
class Look:
    """How a state is shown."""

    label: str
    icon: str
    colour: Colour
    meaning: str

    @property
    def markdown(self) -> str:
        """A badge, for places that take Markdown."""
        return f":{self.colour}-badge[{self.icon} {self.label}]"


JOB: dict[JobState, Look] = {
    JobState.DRAFT: Look("Draft", ":material/edit_note:", "gray", "Not submitted yet."),
    JobState.QUEUED: Look("Queued", ":material/schedule:", "gray", "Waits for a free worker."),
    JobState.RUNNING: Look("Running", ":material/play_arrow:", "blue", "A worker is at it."),
    JobState.PAUSING: Look(
        "Pausing", ":material/pause_circle:", "yellow", "Stops after the present trial."
    ),
    JobState.PAUSED: Look(
        "Paused", ":material/pause:", "yellow", "Goes on from its checkpoint when resumed."
    ),
    JobState.CANCELLING: Look(
        "Cancelling",
        ":material/stop_circle:",
        "orange",
        "Ends when its process is gone, within 7 s.",
    ),
    JobState.CANCELLED: Look(
        "Cancelled", ":material/block:", "orange", "Ended by a person; what it found is kept."
    ),
    JobState.SUCCEEDED: Look("Succeeded", ":material/check:", "green", "Ran to its end."),
    JobState.FAILED: Look("Failed", ":material/error:", "red", "Could not go on."),
    JobState.LOST: Look(
        "Lost", ":material/link_off:", "violet", "Its worker is gone; it is queued again."
    ),
}

TRIAL: dict[str, Look] = {
    "pending": Look("pending", ":material/schedule:", "gray", "Not looked at yet."),
    "done": Look("done", ":material/check:", "green", "Every score is there."),
    "failed": Look("failed", ":material/error:", "red", "A score could not be had."),
    "infeasible": Look(
        "infeasible", ":material/do_not_disturb_on:", "gray", "Misses a constraint."
    ),
    "screened": Look(
        "screened",
        ":material/filter_alt:",
        "gray",
        "Only some objectives were scored, to choose what to look at in full.",
    ),
}

STATUS: dict[str, Look] = {
    "ok": Look("ok", ":material/check:", "green", "A finite number."),
    "undefined": Look(
        "undefined",
        ":material/question_mark:",
        "yellow",
        "Not a number or infinite, by definition.",
    ),
    "failed": Look("failed", ":material/error:", "red", "Measuring it raised an error."),
    "not_applicable": Look("not applicable", ":material/remove:", "gray", "Has no meaning here."),
    "missing": Look("missing", ":material/remove:", "gray", "Was not asked for."),
}

KIND = {
    "proxy": "Proxies: of the untrained network",
    "supernet": "Inherited from a supernet",
    "standalone": "Trained alone",
    "table": "Looked up in a benchmark",
    "cost": "Costs",
}

IN_MOTION = frozenset(
    {
        JobState.QUEUED,
        JobState.RUNNING,
        JobState.PAUSING,
        JobState.CANCELLING,
        JobState.LOST,
    }
)

"""Which member of which phase a step trains, and where that stands in its schedule."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A phase as it lies in time.

    Attributes:
        epochs: of each member.
        members: how many there are.
        continues: the schedule of the phase before goes on; otherwise one of its own begins.
    """

    epochs: int
    members: int = 1
    continues: bool = False


@dataclass(frozen=True)
class Spot:
    """Where a step lies.

    Attributes:
        phase: from 0.
        member: that is trained, from 0.
        epoch: of the schedule, from 0.
        batch: of the epoch, from 0.
        num_epochs: of the schedule.
    """

    phase: int
    member: int
    epoch: int
    batch: int
    num_epochs: int


class Timeline:
    """Phases one after the other; in each, epoch by epoch, every member in turn.

    Args:
        spans: at least one.
        steps_per_epoch: of one member.
    """

    def __init__(self, spans: list[Span], steps_per_epoch: int) -> None:
        self.steps_per_epoch = steps_per_epoch
        self._spans = spans
        self._firsts: list[int] = []  # epoch of the schedule with which each phase begins
        lengths: list[int] = []
        for span in spans:
            if span.continues and lengths:
                self._firsts.append(lengths[-1])
                lengths.append(lengths[-1] + span.epochs)
            else:
                self._firsts.append(0)
                lengths.append(span.epochs)
        for place in reversed(range(len(spans) - 1)):
            if spans[place + 1].continues:
                lengths[place] = lengths[place + 1]
        self._lengths = lengths

    @property
    def num_steps(self) -> int:
        """Of all phases and members."""
        return self.steps_per_epoch * sum(map(self._turns, range(len(self._spans))))

    def epochs_behind(self, steps: int) -> int | None:
        """Epochs of all phases that end with so many steps; None within an epoch.

        An epoch is over when every member has had it.
        """
        turns, rest = divmod(steps, self.steps_per_epoch)
        if rest:
            return None
        behind = 0
        for place, span in enumerate(self._spans):
            if turns < (of_span := self._turns(place)):
                whole, rest = divmod(turns, span.members)
                return None if rest else behind + whole
            turns -= of_span
            behind += span.epochs
        return behind

    def last_ends(self, num: int) -> set[int]:
        """Steps that are done when each of the last epochs is over; of the last phase alone."""
        last = self._spans[-1]
        size = self.steps_per_epoch * last.members
        return {self.num_steps - place * size for place in range(min(num, last.epochs))}

    def at(self, step: int) -> Spot:
        """Where *step* lies, 0 to the number of steps less one."""
        turn, batch = divmod(step, self.steps_per_epoch)
        phase = 0
        while turn >= (turns := self._turns(phase)):
            turn -= turns
            phase += 1
        epoch, member = divmod(turn, self._spans[phase].members)
        return Spot(phase, member, self._firsts[phase] + epoch, batch, self._lengths[phase])

    def _turns(self, phase: int) -> int:
        return self._spans[phase].epochs * self._spans[phase].members

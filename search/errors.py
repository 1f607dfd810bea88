"""What can go wrong in the engine, by who can mend it.

SearchError
    SpecError         what a person described cannot be run; knows the fields
    DataError         a data set or benchmark file is missing, broken or does not fit
    RunError          the run cannot go on; the message is the cause
        DivergedError     a training has diverged; knows the step at which it began
    NotApplicableError  a score is not defined for such a network; the message says why
    ExportError       a network cannot be written as files, or they do not compute the same
"""

from collections.abc import Mapping


class SearchError(ValueError):
    """The root of what the engine raises on purpose."""


class SpecError(SearchError):
    """One or more fields of a description are wrong.

    Attributes:
        fields: message by dotted path, e.g. ``objectives.0.params.batch_size``.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__("; ".join(f"{path}: {why}" for path, why in fields.items()))


class DataError(SearchError):
    """A data set or benchmark file is missing, broken or does not fit."""


class RunError(SearchError):
    """The run cannot go on."""


class DivergedError(RunError):
    """The loss or the gradient is no longer finite.

    Attributes:
        step: number of the step at which it began, from 0.
    """

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(
            f"the training diverged at step {step}: the loss or its gradient was no longer "
            "finite; lower the learning rate or clip gradients"
        )


class NotApplicableError(SearchError):
    """The score is not defined for networks or data of this kind; the message says why."""


class ExportError(SearchError):
    """A network cannot be written as files, or what was written does not compute the same."""

"""The whole description of a search. Form, command line, API and YAML are views of it."""

import hashlib
import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from search.errors import SpecError
from search.plain_errors import plain
from search.traits import Direction

VERSION = 1
TABLE = "table"  # the metric that looks values up in an imported benchmark

RANDOM = "random"  # the strategy of controls
CONTROL = " (control)"  # after the name of the search that it is one of
MAX_NAME = 120
MAX_TRIALS = 10_000_000

HALVING = "successive_halving"  # the strategy with rungs

LISTED = "listed"  # the strategy of exports

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]
ObjectiveName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.\-]{0,63}$")]


def _is_digest(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{32}", text) is None:
        raise ValueError(f"{text[:40]!r} is no hash of a checkpoint: 32 digits and letters a to f")
    return text


Digest = Annotated[str, AfterValidator(_is_digest)]


def _is_finite(params: dict[str, Any]) -> dict[str, Any]:
    """JSON has no word for nan and infinities, and no end for what has itself as a part."""
    try:
        for path, value in _leaves(params):
            if isinstance(value, float) and not isfinite(value):
                raise _wrong_at(path, f"{value} is no finite number")
    except RecursionError:
        raise ValueError("this is too deeply nested, or a part of itself") from None
    return params


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Everything in nested parameters, each with its dotted path."""
    if isinstance(value, dict):
        items: list[tuple[object, object]] = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        yield path, value
        return
    for key, inner in items:
        yield from _leaves(inner, f"{path}.{key}" if path else str(key))


Params = Annotated[dict[str, Any], AfterValidator(_is_finite)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Part):
    """A plug-in by name, with its parameters."""

    name: str
    params: Params = Field(default_factory=dict)


class Data(Choice):
    """A data set, and how many of its images are in the batch that scores are measured on."""

    batch_size: Annotated[int, Field(ge=2, le=4096)] = 64


class Objective(_Part):
    """A named value with direction and, optionally, a constraint.

    ``metric`` is a proxy, a cost, a training, a measure of inherited weights, or ``table`` with
    the parameters ``table`` and ``column``.
    ``direction`` may be left out: then it is the metric's own.
    """

    name: ObjectiveName
    metric: str
    params: Params = Field(default_factory=dict)
    direction: Direction | None = None
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_defaults_to_metric(cls, data: Any) -> Any:  # noqa: ANN401
        if isinstance(data, str):
            return {"name": data, "metric": data}
        if isinstance(data, dict) and "name" not in data and isinstance(data.get("metric"), str):
            column = (data.get("params") or {}).get("column")
            return {**data, "name": column or data["metric"]}
        return data

    @model_validator(mode="after")
    def _constraint_can_be_met(self) -> "Objective":
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise _wrong_at(
                "at_least", "at_least is above at_most: nothing can meet this constraint"
            )
        return self


class Budget(_Part):
    """When to stop: whichever comes first. At least one is needed.

    ``clock_s`` is simulated time: it needs a table with a clock among the objectives, and the
    first trial past it does not count. ``minutes`` are of the search: the time that a supernet is
    trained before it does not count. ``trial_timeout_s`` ends a single trial as failed; of a trial
    that trains, each epoch may take so long.
    """

    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] | None = None
    minutes: Annotated[float, Field(gt=0, le=100_000)] | None = None
    clock_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    trial_timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0

    @model_validator(mode="after")
    def _ends(self) -> "Budget":
        if self.trials is None and self.minutes is None and self.clock_s is None:
            raise ValueError("give trials, minutes or clock_s, so that the search ends")
        return self


class WarmStart(_Part):
    """Score a pool of random archs for one objective first, and begin with the best of it.

    ``objective`` is its place among the objectives, 1 for the first. A pool that is larger than
    the space is the space.
    """

    objective: Annotated[int, Field(ge=1, le=32)] = 1
    pool: Annotated[int, Field(ge=2, le=100_000)] = 1000


class SupernetUse(_Part):
    """The supernet whose weights the archs of the search inherit: trained first, or before.

    Attributes:
        recipe: how to train a new one; the search begins when it is trained.
        checkpoint: hash of a trained one. Exactly one of the two is given. The rest is about
            a training; a trained one has its own held-out examples.
        validation_share: of the training part, held out from the training; for a data set and
            a share the same examples, whatever the recipe and the seed.
        crop_padding: training images get so many black pixels on each side and are cropped
            anywhere.
        flip: half of the training images, drawn anew every time, are mirrored, left for right.
        probes: archs, the same for every seed of a space, whose accuracy is followed.
        looks: how often during the training; once more at its end when there are probes.
        kept: checkpoints before the end, evenly spread, that other searches can use while the
            training goes on.
        looks_at_end: the probes are looked at after each of so many last epochs besides, so that
            the rankings of consecutive epochs can be compared.
        steps_at_end: and after each of so many last steps, which shows how much each step changes
            of a ranking; Deeper Insights has 64 or 128.
    """

    recipe: Choice | None = None
    checkpoint: Digest | None = None
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    crop_padding: Annotated[int, Field(ge=0, le=32)] = 0
    flip: bool = False
    probes: Annotated[int, Field(ge=0, le=256)] = 16
    looks: Annotated[int, Field(ge=0, le=200)] = 8
    kept: Annotated[int, Field(ge=0, le=20)] = 0
    looks_at_end: Annotated[int, Field(ge=0, le=50)] = 3
    steps_at_end: Annotated[int, Field(ge=0, le=128)] = 0

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "SupernetUse":
        if (self.recipe is None) == (self.checkpoint is None):
            path = "recipe" if self.recipe is None else "checkpoint"
            raise _wrong_at(
                path, "give either a recipe to train by or the checkpoint of a trained supernet"
            )
        return self


class Export(_Part):
    """Write the listed archs as files, with weights.

    Attributes:
        weights: name of the objective whose weights are written.
        formats: of the files.
    """

    weights: ObjectiveName
    formats: Annotated[tuple[Literal["pytorch", "onnx"], ...], Field(min_length=1)] = (
        "pytorch",
        "onnx",
    )


class Spec(_Part):
    """One search, complete: equal spec and seed give equal trials."""

    version: int = VERSION
    name: Name
    space: Choice
    network: Params = Field(default_factory=dict)
    data: Data = Data(name="digits")
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, max_length=32)]
    strategy: Choice
    warm_start: WarmStart | None = None
    supernet: SupernetUse | None = None
    export: Export | None = None
    budget: Budget
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: Literal["cpu", "gpu"] = "cpu"

    @model_validator(mode="after")
    def _objective_names_differ(self) -> "Spec":
        places: dict[str, int] = {}
        for place, objective in enumerate(self.objectives):
            first = places.setdefault(objective.name, place)
            if first != place:
                raise _wrong_at(
                    f"objectives.{place}.name",
                    f"two objectives are named {objective.name} (objectives {first + 1} and "
                    f"{place + 1}); each needs its own name",
                )
        return self

    @model_validator(mode="after")
    def _export_is_possible(self) -> "Spec":
        if self.export is None:
            return self
        names = [objective.name for objective in self.objectives]
        if self.export.weights not in names:
            raise _wrong_at(
                "export.weights",
                f"there is no objective {self.export.weights}; there is: {', '.join(names)}",
            )
        if self.strategy.name != LISTED:
            raise _wrong_at("export", f"what is exported must be listed: the strategy {LISTED}")
        return self

    def digest(self) -> str:
        """A hash of everything but the name: equal for searches that give equal trials.

        What came later into the spec and is left out leaves no trace in it.
        """
        content = self.model_dump(mode="json", exclude={"name"})
        for late in ("warm_start", "supernet", "export"):
            if content[late] is None:
                del content[late]
        for late in ("kept", "steps_at_end") if self.supernet is not None else ():
            if not content["supernet"][late]:
                del content["supernet"][late]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class Submission(Spec):
    """A spec as a person submits it: ``seeds`` jobs of one group, on consecutive seeds.

    With ``control``, each of them gets a random search of equal budget beside it.
    """

    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    control: bool = False

    @model_validator(mode="after")
    def _control_differs(self) -> "Submission":
        if self.control and self.strategy.name == RANDOM and self.warm_start is None:
            raise _wrong_at(
                "control",
                "this search is random itself: its control would be the same search again",
            )
        return self

    def specs(self) -> list[Spec]:
        """One spec for each seed."""
        content = self.model_dump(exclude={"seeds", "control"})
        return [Spec.model_validate({**content, "seed": self.seed + i}) for i in range(self.seeds)]


def parse_submission(content: object) -> Submission:
    """Read what a form, a file or a request describes.

    Raises:
        SpecError: with the dotted path and the reason of every wrong field.
    """
    if not isinstance(content, dict):
        raise SpecError({"": "a spec is a mapping of fields such as name, space and objectives"})
    version = content.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise SpecError(
            {
                "version": f"this spec is of version {version}, newer than the {VERSION} known "
                "here; upgrade Archfront or write the spec for this version"
            }
        )
    try:
        return Submission.model_validate(content)
    except ValidationError as error:
        raise SpecError(_messages(error)) from None


def load_submission(text: str) -> Submission:
    """Read a submission as YAML (or JSON, which is YAML).

    Raises:
        SpecError: the text is no YAML, with its line; or a field is wrong.
    """
    return parse_submission(read_yaml(text))


def read_yaml(text: str) -> object:
    """What a text says, whatever it is.

    Raises:
        SpecError: the text is no YAML, with its line.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise SpecError({"": f"not valid YAML{where}: {problem}"}) from None


def dump_submission(submission: Spec) -> str:
    """The spec as YAML, in the order people read it, defaults left out where they are empty."""
    content = submission.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _wrong_at(path: str, message: str) -> PydanticCustomError:
    """What a validator of a whole part raises, so that the error lands on one field of it."""
    return PydanticCustomError("wrong_field", "{message}", {"path": path, "message": message})


def _messages(error: ValidationError) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in error.errors():
        inner = part["ctx"]["path"].split(".") if part["type"] == "wrong_field" else []
        path = ".".join(map(str, [*part["loc"], *inner]))
        fields.setdefault(path, plain(part))
    # a list whose only item is wrong is also reported as too short: keep what lies deeper
    return {
        path: why
        for path, why in fields.items()
        if not any(other.startswith(f"{path}.") for other in fields)
    }

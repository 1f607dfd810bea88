"""What a parameter asks of another one: declared with it, carried by its schema, checked early."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from pydantic import Field
from pydantic.fields import FieldInfo

_BELOW, _NEEDS = "below", "needs"
_OF_SUPERNET, _OF_DECISION, _MOST_PARTS = "of_supernet", "of_decision", "most_parts"
_OF_KIND, _OF_ARCHS, _OF_SPLITS = "of_kind", "of_archs", "of_splits"


def below(other: str, **bounds: Any) -> FieldInfo:  # noqa: ANN401  # as Field takes them
    """A number that is less than that of another parameter; *bounds* as in ``pydantic.Field``."""
    made: FieldInfo = Field(json_schema_extra={_BELOW: other}, **bounds)
    return made


def needs(other: str, *fitting: str, of_kind: str = "") -> FieldInfo:
    """A value besides the default needs one of these values of another parameter.

    Args:
        other: the name of that parameter.
        fitting: its values.
        of_kind: and the space a decision of this kind; of any when left out.
    """
    extra: dict[str, Any] = {_NEEDS: {other: list(fitting)}}
    made: FieldInfo = Field(json_schema_extra=extra | ({_OF_KIND: of_kind} if of_kind else {}))
    return made


def of_decision(
    first: str = "",
    most_parts: int | None = None,
    **bounds: Any,  # noqa: ANN401  # as Field takes them
) -> FieldInfo:
    """The number of a decision of the space, from 0; or how many there are from *first* on.

    These have *most_parts* combinations of their choices at most.
    """
    made: FieldInfo = Field(
        json_schema_extra={_OF_DECISION: first, _MOST_PARTS: most_parts}, **bounds
    )
    return made


def decision_problems(
    schema: Mapping[str, Any], params: Mapping[str, Any], num_choices: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Parameters that name decisions which cannot be split, each with what is wrong.

    The space does not have them, or they have too many combinations of choices.

    Args:
        schema: of all parameters of a plug-in, in JSON schema.
        params: as they were given.
        num_choices: of every decision of the space.
    """
    num_decisions = len(num_choices)
    properties = schema.get("properties", {})
    values = {name: params.get(name, one.get("default")) for name, one in properties.items()}
    for name, one in properties.items():
        first = one.get(_OF_DECISION)
        places = [values[name]] if first == "" else [values.get(first), values[name]]
        if first is None or not all(isinstance(place, int) for place in places):
            continue
        last = places[0] if first == "" else sum(places) - 1
        num_parts, most = prod(num_choices[places[0] : last + 1]), one.get(_MOST_PARTS)
        if last >= num_decisions > (0 if first == "" else places[0]):
            yield (
                name,
                f"number {last} is split, but the last decision is number {num_decisions - 1}",
            )
        elif most is not None and num_parts > most:
            yield name, f"{num_parts:,} sub-supernets are too many; {most} are the limit"


def kind_problems(
    schema: Mapping[str, Any], params: Mapping[str, Any], kinds: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Parameters that ask for a kind of decision which a space does not have.

    Args:
        schema: of all parameters of a plug-in, in JSON schema.
        params: as they were given.
        kinds: of the decisions of the space.
    """
    for name, one in schema.get("properties", {}).items():
        value, kind = params.get(name, one.get("default")), one.get(_OF_KIND)
        if kind is not None and kind not in kinds and value != one.get("default"):
            yield name, f"{value} needs decisions about {kind}s, and the space has none"


def of_archs(**bounds: Any) -> FieldInfo:  # noqa: ANN401  # as Field takes them
    """A number of groups of architectures: no more than the space has architectures."""
    made: FieldInfo = Field(json_schema_extra={_OF_ARCHS: True}, **bounds)
    return made


def of_splits(**bounds: Any) -> FieldInfo:  # noqa: ANN401  # as Field takes them
    """How often the choices of some decision are split in two, which takes three of them."""
    made: FieldInfo = Field(json_schema_extra={_OF_SPLITS: True}, **bounds)
    return made


def number_problems(
    schema: Mapping[str, Any], params: Mapping[str, Any], num_choices: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Numbers that are too large for a space.

    Args:
        schema: of all parameters of a plug-in, in JSON schema.
        params: as they were given.
        num_choices: of every decision of the space.
    """
    most = {
        _OF_ARCHS: (prod(num_choices), "architectures"),
        _OF_SPLITS: (sum(num > 2 for num in num_choices), "decisions of three choices or more"),
    }
    for name, one in schema.get("properties", {}).items():
        value = params.get(name, one.get("default"))
        for limit, what in (most[kind] for kind in most if one.get(kind)):
            if isinstance(value, int) and value > limit:
                yield name, f"{value:,} is too large: the space has {limit:,} {what}"


def of_supernet(description: str) -> FieldInfo:
    """Of a recipe: a value besides the default is for supernets that have this parameter too."""
    made: FieldInfo = Field(json_schema_extra={_OF_SUPERNET: True}, description=description)
    return made


def asked_of_supernet(schema: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """Parameters of a recipe that the supernet must have, as they are given.

    Args:
        schema: of all parameters of the recipe, in JSON schema.
        params: as they were given.
    """
    properties = schema.get("properties", {})
    return [
        name
        for name, value in params.items()
        if name in properties
        and properties[name].get(_OF_SUPERNET)
        and value != properties[name].get("default")
    ]


def relation_problems(
    schema: Mapping[str, Any], params: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Parameters that do not go together, each with what is wrong.

    Args:
        schema: of all parameters of a plug-in, in JSON schema.
        params: as they were given, each of its own right type; what is left out has its default.
    """
    properties = schema.get("properties", {})
    values = {name: params.get(name, one.get("default")) for name, one in properties.items()}
    for name, one in properties.items():
        other = one.get(_BELOW)
        if other is not None and values[name] >= values[other]:
            yield name, f"{values[name]} is too large: less than {other}, {values[other]}"
        if values[name] == one.get("default"):
            continue
        for other, fitting in one.get(_NEEDS, {}).items():
            if values[other] not in fitting:
                asked = " or ".join(fitting)
                yield name, f"{values[name]} needs {other} {asked}, not {values[other]}"

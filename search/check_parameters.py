"""Hold parameters against the schema of a plug-in. No torch here."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from search.catalogue import Plugin
from search.relations import relation_problems

Problem = tuple[str, str]  # dotted path, message


def parameter_problems(field: str, plugin: Plugin, params: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with parameters, by the schema that the plug-in has reported.

    Args:
        field: path of the parameters in the spec.
        plugin: whose they are.
        params: as they were given.
    """
    properties = plugin.parameters.get("properties", {})
    for name in params:
        if name not in properties:
            names = ", ".join(properties)
            takes = f"{plugin.name} takes: {names}" if names else f"{plugin.name} takes none"
            yield f"{field}.{name}", f"unknown parameter; {takes}"
    validator = Draft202012Validator(plugin.parameters)
    known = {name: value for name, value in params.items() if name in properties}
    errors = list(validator.iter_errors(known))
    for error in errors:
        path = ".".join(map(str, [field, *error.absolute_path]))
        yield path, _explained(error)
    if not errors:
        for name, message in relation_problems(plugin.parameters, known):
            yield f"{field}.{name}", message


def _explained(error: ValidationError) -> str:
    value, bound = error.instance, error.validator_value
    if error.validator == "anyOf":  # a value that may also be left out
        inner = next((e for e in error.context or () if e.validator_value != "null"), None)
        return _explained(inner) if inner is not None else str(error.message)
    messages: dict[str, str] = {
        "minimum": f"{value} is too small: at least {bound}",
        "exclusiveMinimum": f"{value} is too small: more than {bound}",
        "maximum": f"{value} is too large: at most {bound}",
        "exclusiveMaximum": f"{value} is too large: less than {bound}",
        "type": f"{value!r} is no {bound}",
        "enum": f"{value!r} is not among {_listed(bound)}",
        "const": f"{value!r} must be {bound!r}",
        "required": str(error.message),
        "minItems": f"list at least {bound}",
        "maxItems": f"{len(value) if isinstance(value, list) else value} are too many: {bound}",
    }
    return messages.get(str(error.validator), str(error.message))


def _listed(choices: Any) -> str:  # noqa: ANN401  # what the schema says
    return ", ".join(map(str, choices)) if isinstance(choices, list) else str(choices)

"""The parameters of a plug-in: its keyword-only arguments, with bounds, as a schema."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from search.errors import SpecError
from search.relations import relation_problems

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "archfront_parameters"


def takes(model: type[BaseModel]) -> Callable[[F], F]:
    """Make the fields of *model* the parameters of a plug-in that has them as ``**keywords``."""

    def attach(plugin: F) -> F:
        setattr(plugin, _ATTRIBUTE, model)
        return plugin

    return attach


@cache
def parameter_model(plugin: Callable[..., Any]) -> type[BaseModel]:
    """A pydantic model of the keyword-only arguments of *plugin*, or of its constructor.

    Arguments without a default are what the engine supplies, not parameters: they are left out.
    Bounds are ``Annotated[int, Field(ge=1)]``. What :func:`takes` attached is taken as it is.
    """
    declared: type[BaseModel] | None = getattr(plugin, _ATTRIBUTE, None)
    if declared is not None:
        return declared
    function = plugin.__init__ if inspect.isclass(plugin) else plugin
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], argument.default)
        for name, argument in inspect.signature(function).parameters.items()
        if argument.kind is argument.KEYWORD_ONLY and argument.default is not argument.empty
    }
    return create_model("Parameters", __config__=ConfigDict(extra="forbid"), **fields)


def schema_of(plugin: Callable[..., Any]) -> dict[str, Any]:
    """JSON schema of the parameters, as the catalogue carries it."""
    return parameter_model(plugin).model_json_schema()


def bind(plugin: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Validated keyword arguments for *plugin*, defaults filled in.

    Raises:
        SpecError: a parameter is unknown, out of range or does not go with another; fields are
            relative to *params*.
    """
    try:
        model = parameter_model(plugin).model_validate(dict(params))
    except ValidationError as error:
        fields = {".".join(map(str, e["loc"])): e["msg"] for e in error.errors()}
        raise SpecError(fields) from None
    fields = dict(relation_problems(schema_of(plugin), params))
    if fields:
        raise SpecError(fields)
    return {name: getattr(model, name) for name in type(model).model_fields}

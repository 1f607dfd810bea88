"""Widgets from JSON schemas: what a plug-in declares becomes a form, without code of its own.

A draft is the spec's content as plain values. Every field shows its own message: fields are
drawn first, checked together, and the messages then put into the places under the fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
import yaml
from streamlit.delta_generator import DeltaGenerator

from app import wording

Values = dict[str, Any]
Schema = Mapping[str, Any]


@dataclass
class Form:
    """A form being drawn: where its messages go, and what makes its widgets new.

    Attributes:
        edition: grows when the draft was replaced from outside (a preset, a file, the YAML),
            so that every widget starts again from the draft.
    """

    edition: int
    places: dict[str, DeltaGenerator] = field(default_factory=dict)

    def key(self, path: str) -> str:
        """The identity of a field's widget."""
        return f"form{self.edition}.{path}"

    def place(self, path: str) -> None:
        """Keep room for the message of the field above."""
        self.places[path] = st.empty()

    def tell(self, errors: Mapping[str, str]) -> dict[str, str]:
        """Put messages under their fields; returned is what belongs to no field."""
        left = {}
        for path, message in errors.items():
            place = self._nearest(path)
            if place is None:
                left[path] = message
            else:
                text = wording.plain(_sentence(message))
                self.places[place].markdown(f":red[:material/error: {text}]")
        return left

    def _nearest(self, path: str) -> str | None:
        """The field of this path, or the closest above it that is drawn."""
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        return path or None


def parameters(
    form: Form,
    path: str,
    owner: str,
    schema: Schema,
    values: Mapping[str, Any],
    *,
    num_columns: int = 1,
) -> Values:
    """Draw the parameters of a plug-in; returned are those that differ from their defaults.

    Args:
        form: where they are drawn.
        path: of the parameters in the draft.
        owner: the plug-in; another one's parameters of the same name are other fields.
        schema: of its parameters.
        values: what the draft says.
        num_columns: that the fields stand in, row by row.
    """
    chosen: Values = {}
    cells: Sequence[DeltaGenerator] = ()
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for place, (name, part) in enumerate(properties.items()):
        if place % num_columns == 0:
            cells = st.columns(num_columns) if num_columns > 1 else [st.container()]
        resolved = resolve(part, schema)
        default = resolved.get("default")
        key = form.key(f"{path}.{name}.{owner}")
        with cells[place % num_columns]:
            value = parameter(key, name, resolved, values.get(name, default))
            form.place(f"{path}.{name}")
        if value != default:
            chosen[name] = value
    unknown = {name: value for name, value in values.items() if name not in properties}
    if unknown:
        form.place(path)
    return {**chosen, **unknown}


def parameter(key: str, name: str, schema: Schema, value: object) -> object:
    """Draw one parameter as the widget that its schema asks for."""
    label = wording.plain(name.replace("_", " "))
    about = _about(schema)
    chosen: object
    if "enum" in schema:
        options = list(schema["enum"])
        index = options.index(value) if value in options else 0
        chosen = st.selectbox(label, options, index=index, key=key, help=about)
    elif schema.get("type") == "boolean":
        chosen = st.toggle(label, value=bool(value), key=key, help=about)
    elif schema.get("type") in ("integer", "number"):
        chosen = _number(label, schema, value, key, about)
    elif schema.get("type") == "string":
        chosen = st.text_input(label, value=str(value or ""), key=key, help=about)
    else:
        chosen = _text_of_yaml(label, value, key, about)
    return chosen


def resolve(part: Schema, root: Schema) -> Schema:
    """Follow ``$ref`` and unwrap what may also be null."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        part = {**root.get("$defs", {}).get(name, {}), **part}
    alternatives = [a for a in part.get("anyOf", ()) if a.get("type") != "null"]
    if len(alternatives) == 1:
        return {**alternatives[0], **{k: v for k, v in part.items() if k != "anyOf"}, "null": True}
    return part


def bounds(schema: Schema) -> str:
    """The limits of a number in words; empty without any."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    above = "more than" if "exclusiveMinimum" in schema else "at least"
    below = "less than" if "exclusiveMaximum" in schema else "at most"
    parts = [f"{above} {low:,}"] if low is not None else []
    parts += [f"{below} {high:,}"] if high is not None else []
    parts += [f"less than {schema['below']}"] if "below" in schema else []
    return ", ".join(parts)


def _number(
    label: str, schema: Schema, value: object, key: str, about: str | None
) -> int | float | None:
    """Bounds are not given to the widget: it would silently pull a value back between them."""
    is_whole = schema["type"] == "integer"
    is_optional = bool(schema.get("null"))
    given = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if given is None and not is_optional:
        given = schema.get("minimum", 0)
    if is_whole:
        whole = None if given is None else int(given)
        return st.number_input(label, value=whole, step=1, key=key, help=about)
    real = None if given is None else float(given)
    return st.number_input(label, value=real, step=_step(real), format="%.6g", key=key, help=about)


def _step(value: float | None) -> float:
    return 10.0 ** (len(str(int(abs(value)))) - 2) if value and abs(value) >= 1 else 0.01


def _text_of_yaml(label: str, value: object, key: str, about: str | None) -> object:
    """Whatever has no widget of its own (lists, mappings) is typed as YAML."""
    shown = "" if value is None else yaml.safe_dump(value, default_flow_style=True).strip()
    typed = st.text_input(label, value=shown.removesuffix("\n..."), key=key, help=about)
    try:
        return yaml.safe_load(typed)
    except yaml.YAMLError:
        return typed


def _about(schema: Schema) -> str | None:
    parts = [str(schema.get("description", "")), bounds(schema)]
    if schema.get("default") is not None:
        parts.append(f"default {schema['default']}")
    return wording.plain("; ".join(filter(None, parts))) or None


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}"


def choice(
    form: Form,
    path: str,
    label: str,
    options: Sequence[str],
    value: str | None,
    *,
    summaries: Mapping[str, str] | None = None,
) -> str:
    """Draw the choice of a plug-in by name; an unknown one stays, so that its error is seen."""
    known = list(options)
    if value and value not in known:
        known.append(value)
    index = known.index(value) if value in known else 0
    chosen = st.selectbox(
        label, known, index=index, key=form.key(path), placeholder="none offered"
    )
    form.place(path)
    summary = (summaries or {}).get(chosen or "")
    if summary:
        st.caption(wording.plain(summary))
    return chosen or ""

"""Widgets from schemas, in a page of their own."""

import pytest
from streamlit.testing.v1 import AppTest

from app import forms

SCHEMA = {
    "properties": {
        "population": {"type": "integer", "default": 50, "minimum": 4, "maximum": 1000},
        "rate": {"type": "number", "default": 0.1, "exclusiveMinimum": 0},
        "kind": {"enum": ["a", "b"], "default": "a"},
        "elitist": {"type": "boolean", "default": True},
        "label": {"type": "string", "default": ""},
        "stages": {"type": "array", "default": [1, 2]},
        "cap": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
        "mode": {"$ref": "#/$defs/Mode", "default": "x"},
    },
    "$defs": {"Mode": {"enum": ["x", "y"]}},
}


def script(schema, values, errors):
    import streamlit as st

    from app import forms

    form = forms.Form(edition=1)
    st.session_state["chosen"] = forms.parameters(form, "params", "nsga2", schema, values)
    st.session_state["left"] = form.tell(errors)


def shown(values=None, errors=None):
    return AppTest.from_function(script, args=(SCHEMA, values or {}, errors or {})).run()


def test_defaults_are_left_out():
    assert shown().session_state["chosen"] == {}


def test_what_differs_is_kept():
    page = shown({"population": 70, "kind": "b", "elitist": False, "cap": 3})

    chosen = page.session_state["chosen"]
    assert chosen == {"population": 70, "kind": "b", "elitist": False, "cap": 3}


def test_each_type_has_its_widget():
    page = shown()

    assert [field.label for field in page.number_input] == ["population", "rate", "cap"]
    assert [field.label for field in page.selectbox] == ["kind", "mode"]
    assert [field.label for field in page.toggle] == ["elitist"]
    assert [field.label for field in page.text_input] == ["label", "stages"]


def test_a_number_is_typed():
    page = shown()

    page.number_input[0].set_value(12).run()

    assert page.session_state["chosen"] == {"population": 12}


def test_a_list_is_typed_as_yaml():
    page = shown()

    page.text_input[1].set_value("[3, 4]").run()

    assert page.session_state["chosen"] == {"stages": [3, 4]}


def test_an_unknown_parameter_stays_so_that_its_error_is_seen():
    page = shown({"surprise": 1}, {"params.surprise": "unknown parameter"})

    assert page.session_state["chosen"] == {"surprise": 1}
    assert "Unknown parameter" in page.markdown[-1].value


def test_a_message_stands_at_its_field():
    page = shown({}, {"params.rate": "too small", "budget": "give trials"})

    assert [m.value for m in page.markdown if "Too small" in m.value]
    assert page.session_state["left"] == {"budget": "give trials"}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"minimum": 1, "maximum": 1000}, "at least 1, at most 1,000"),
        ({"exclusiveMinimum": 0}, "more than 0"),
        ({"exclusiveMaximum": 1}, "less than 1"),
        ({}, ""),
    ],
)
def test_bounds_are_told_in_words(schema, text):
    assert forms.bounds(schema) == text

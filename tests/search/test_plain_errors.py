"""Wrong fields of a spec are explained in plain words."""

import pytest

from search.errors import SpecError
from search.spec import parse_submission

GOOD = {
    "name": "x",
    "space": {"name": "nasbench201"},
    "objectives": ["nwot"],
    "strategy": {"name": "random"},
    "budget": {"trials": 10},
}


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"space": None}, "space", "nothing is not a mapping of names to values"),
        ({"name": ""}, "name", "is empty; fill it in"),
        ({"name": "x" * 500}, "name", "too long: at most 120 characters"),
        ({"space": {}}, "space.name", "is missing; fill it in"),
        ({"seed": "x"}, "seed", "'x' is not a whole number"),
        ({"seed": 1.5}, "seed", "1.5 is not a whole number"),
        ({"seed": -1}, "seed", "-1 is too small: at least 0"),
        ({"budget": {"minutes": 0}}, "budget.minutes", "0 is too small: more than 0"),
        ({"budget": {"minutes": 1e9}}, "budget.minutes", "1000000000.0 is too large"),
        ({"device": "tpu"}, "device", "'tpu' is not among 'cpu' or 'gpu'"),
        ({"objectives": []}, "objectives", "too few: at least 1"),
        ({"nwot": 1}, "nwot", "there is no field nwot; check its spelling"),
        ({"objectives": [{"name": "1", "metric": "a"}]}, "objectives.0.name", "does not fit"),
    ],
)
def test_a_wrong_field_is_explained(changes, path, message):
    with pytest.raises(SpecError) as caught:
        parse_submission({**GOOD, **changes})

    assert message in caught.value.fields[path]
    assert "Input should" not in caught.value.fields[path]

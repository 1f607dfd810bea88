import pytest

from app.filters import trial_filter
from search.errors import SpecError

NAMES = ("nwot", "macs")


def test_conditions_become_ranges():
    found = trial_filter(NAMES, where="nwot>=1200, macs<=1e8, macs >= 5")

    assert found.ranges == {0: (1200.0, None), 1: (5.0, 1e8)}


@pytest.mark.parametrize(
    "where",
    ["nwot=1", "nobody>=1", "nwot>=x", "nwot>=nan", "__import__('os')", "1<=nwot", "nwot>=1;drop"],
)
def test_anything_else_is_refused_by_name(where):
    with pytest.raises(SpecError) as refused:
        trial_filter(NAMES, where=where)

    assert list(refused.value.fields) == ["where"]


def test_an_unknown_state_is_refused():
    with pytest.raises(SpecError, match="is not one of"):
        trial_filter(NAMES, states=("gone",))


def test_of_several_bounds_the_tightest_holds():
    found = trial_filter(NAMES, where="nwot>=5, nwot>=3, macs<=2, macs<=7")

    assert found.ranges == {0: (5.0, None), 1: (None, 2.0)}

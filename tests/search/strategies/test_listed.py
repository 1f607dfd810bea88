import numpy as np
import pytest

from search.errors import SpecError
from search.spaces import spaces
from search.strategies import is_independent, remark_of, strategies

SPACE = spaces["nasbench201"]
TEXTS = [SPACE.encode(SPACE.at(index)) for index in (5, 3, 9)]


def listed(texts, space=SPACE):
    return strategies["listed"](space, np.random.default_rng(0), archs=texts)


def test_what_is_listed_is_proposed_in_its_order():
    strategy = listed(TEXTS)

    assert [SPACE.index(p.arch) for p in strategy.ask(10)] == [5, 3, 9]
    assert strategy.is_exhausted
    assert remark_of(strategy) == ""


def test_what_is_listed_again_is_proposed_once_and_told():
    strategy = listed([*TEXTS, TEXTS[0], TEXTS[0]])

    assert len(strategy.ask(10)) == 3
    assert remark_of(strategy).startswith("2 of 5 listed architectures are listed again")


def test_every_text_that_is_no_architecture_is_told_with_its_reason():
    with pytest.raises(SpecError) as error:
        listed([TEXTS[0], "nonsense", TEXTS[1], "|none~0|"])

    assert list(error.value.fields) == ["strategy.params.archs.1", "strategy.params.archs.3"]
    assert "3 blocks" in error.value.fields["strategy.params.archs.1"]


def test_an_encoding_that_is_invalid_is_told_with_its_reason():
    space = spaces["nasbench101"]
    invalid = next(
        arch for i in range(1000) if space.invalid_reason(arch := space.at(i)) is not None
    )

    with pytest.raises(SpecError, match=r"strategy\.params\.archs\.0"):
        listed([space.encode(invalid)], space)


def test_nothing_listed_is_told():
    with pytest.raises(SpecError, match="list at least one architecture"):
        listed([])


def test_results_are_not_needed():
    assert is_independent(strategies["listed"])

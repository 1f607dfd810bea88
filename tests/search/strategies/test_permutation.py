import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from search.strategies._permutation import Permutation


@given(size=st.integers(1, 400), key=st.binary(min_size=1, max_size=16))
def test_every_number_has_exactly_one_place(size, key):
    order = Permutation(size, key)

    assert sorted(order[place] for place in range(size)) == list(range(size))


def test_keys_give_different_orders():
    first, second = (Permutation(1000, key) for key in (b"a", b"b"))

    assert [first[i] for i in range(20)] != [second[i] for i in range(20)]


def test_every_number_is_as_likely_in_the_first_place():
    firsts = [Permutation(10, key.to_bytes(4, "big"))[0] for key in range(4000)]

    counts = np.bincount(firsts, minlength=10)

    assert ((counts - 400) ** 2 / 400).sum() < 27.9  # chi squared, 9 degrees, p = .001


def test_a_space_beyond_64_bits_is_permuted():
    order = Permutation(10**30, b"key")

    numbers = {order[place] for place in range(1000)}

    assert len(numbers) == 1000
    assert max(numbers) < 10**30

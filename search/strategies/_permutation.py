"""A random order of 0 to n - 1 in which any place can be looked up, without storing the order.

A four-round Feistel network (Luby and Rackoff, 1988) permutes the numbers of 2h bits; what
falls outside 0 to n - 1 is permuted again until it falls inside (cycle walking, Black and
Rogaway, 2002).
"""

import hashlib

ROUNDS = 4


class Permutation:
    """The order that *key* names: a bijection of range(size) onto itself."""

    def __init__(self, size: int, key: bytes) -> None:
        self._size = size
        self._key = key
        self._half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
        self._num_bytes = (self._half_bits + 7) // 8
        self._rounds = [
            hashlib.blake2b(key=key, digest_size=self._num_bytes, salt=bytes([i]))
            for i in range(ROUNDS)
        ]

    def __getitem__(self, place: int) -> int:
        """The number at *place*."""
        number = self._walk(place)
        while number >= self._size:
            number = self._walk(number)
        return number

    def _walk(self, number: int) -> int:
        mask = (1 << self._half_bits) - 1
        left, right = number >> self._half_bits, number & mask
        for prepared in self._rounds:
            mixed = prepared.copy()
            mixed.update(right.to_bytes(self._num_bytes, "little"))
            left, right = right, left ^ (int.from_bytes(mixed.digest(), "little") & mask)
        return left << self._half_bits | right

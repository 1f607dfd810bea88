"""How many examples of a training part are held out. No torch here."""

FEWEST = 2  # that are left to train on


def num_held_out(num: int, share: float) -> int:
    """So many of *num* examples, one at least."""
    return max(1, round(num * share))

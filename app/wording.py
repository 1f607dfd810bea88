"""How values are written for people: numbers, durations, moments, text that others typed."""

import math
from datetime import UTC, datetime

_SCALES = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_PLAIN_BELOW = 1e6
_SMALLEST = 1e-4
_LARGEST = 1e15
# What Markdown, and Streamlit's own directives, would make more than text of.
_SPECIAL = frozenset("\\`*_{}[]()<>#+-.!|~$:&^=@/")


def number(value: float | None) -> str:
    """Four significant digits: 1,234 and 0.1235, 153.3 M, 1.235e+16; a dash for nothing."""
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if value == 0:
        return "0"
    if size < _SMALLEST or size >= _LARGEST:
        return f"{value:.3e}"
    for scale, letter in _SCALES:
        if size >= scale:
            return f"{_four_digits(value / scale)} {letter}"
    return _four_digits(value)


def count(value: int) -> str:
    """All digits, in groups of three."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """``1 trial``, ``2,000 trials``."""
    ending = "" if value == 1 else "es" if noun.endswith(("ch", "s")) else "s"
    return f"{value:,} {noun}{ending}"


def steps(done: int, num: int) -> str:
    """``120 of 240 steps``, and ``240 steps`` when all are done or nobody says how many."""
    return f"{done:,} of {counted(num, 'step')}" if done < num else counted(done, "step")


def size(num_bytes: int) -> str:
    """Of a file, in the largest unit that fits: 640 B, 12 kB, 4.2 MB."""
    value = float(max(num_bytes, 0))
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{_short(value)} {unit}"
        value /= 1000
    return f"{_short(value)} GB"


def share(value: float) -> str:
    """A share from 0 to 1 in per cent; 100 % only when nothing is missing."""
    if 0 < value < 0.01:
        return "<1 %"
    return f"{math.floor(value * 100 + 1e-9)} %"


def duration(seconds: float | None) -> str:
    """The largest unit that fits: 4 min, 2.5 h."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    seconds = max(seconds, 0)
    if 0 < seconds < 0.0005:
        return "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit_s, limit_s, name in ((1, 90, "s"), (60, 5400, "min"), (3600, 172_800, "h")):
        if seconds < limit_s:
            return f"{_short(seconds / unit_s)} {name}"
    return f"{_short(seconds / 86_400)} d"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """``3 min ago``; the exact moment is :func:`exact`."""
    if moment is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 5:
        return "just now"
    return f"{duration(seconds)} ago"


def exact(moment: datetime | None) -> str:
    """The moment to the second, in UTC."""
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def hoverable(moment: datetime | None, now: datetime) -> str:
    """A relative time as HTML, with the exact one on hover; no part of it was typed by anybody."""
    return f'<span title="{exact(moment)}">{ago(moment, now)}</span>'


def titled(name: str, unit: str) -> str:
    """A column's or an axis's name with its unit."""
    return f"{name} ({unit})" if unit else name


def plain(text: str) -> str:
    """Text that somebody typed, so that Markdown shows it as it stands."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in " ".join(text.split()))


def shortened(text: str, length: int = 60) -> str:
    """The beginning, with three dots when something is left out."""
    return text if len(text) <= length else f"{text[: length - 3].rstrip()}..."


def _four_digits(value: float) -> str:
    if float(value).is_integer() and abs(value) < _PLAIN_BELOW:
        return f"{value:,.0f}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"

from datetime import UTC, datetime, timedelta

import pytest

from app import wording

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (153_300_000, "153.3 M"),
        (1234.5678, "1,235"),
        (0.123456, "0.1235"),
        (12.0, "12"),
        (0, "0"),
        (-2.5e9, "-2.500 G"),
        (1.2346e-7, "1.235e-07"),
        (3.5e30, "3.500e+30"),
        (999_999.9, "1,000,000"),
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "-"),
    ],
)
def test_numbers_have_four_significant_digits(value, text):
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "250 ms"),
        (42, "42 s"),
        (245, "4.1 min"),
        (3600 * 5, "5 h"),
        (86400 * 9, "9 d"),
        (None, "unknown"),
        (0.0001, "<1 ms"),
        (-3, "0 ms"),
    ],
)
def test_durations_are_in_the_largest_unit_that_fits(seconds, text):
    assert wording.duration(seconds) == text


def test_a_moment_is_told_relative_to_now():
    assert wording.ago(NOW - timedelta(minutes=3), NOW) == "3 min ago"


def test_the_exact_moment_is_on_hover():
    assert 'title="2024-05-06 07:08:09 UTC"' in wording.hoverable(NOW, NOW)


def test_only_everything_is_a_hundred_per_cent():
    assert wording.share(0.9999) == "99 %"
    assert wording.share(1.0) == "100 %"


def test_something_is_never_zero_per_cent():
    assert wording.share(0.001) == "<1 %"


def test_markdown_in_a_name_is_escaped():
    assert wording.plain("<b>*x*</b>\n# y") == "\\<b\\>\\*x\\*\\<\\/b\\> \\# y"


def test_streamlit_directives_in_a_name_are_escaped():
    assert wording.plain(":material/home: $x$") == "\\:material\\/home\\: \\$x\\$"


def test_one_is_singular():
    assert wording.counted(1, "trial") == "1 trial"
    assert wording.counted(2000, "search") == "2,000 searches"

import pytest

from search.supernets.timeline import Span, Spot, Timeline


def spots(*spans, steps_per_epoch=2):
    timeline = Timeline(list(spans), steps_per_epoch)
    return [timeline.at(step) for step in range(timeline.num_steps)]


def test_one_phase_is_epoch_after_epoch():
    assert spots(Span(2)) == [Spot(0, 0, e, b, 2) for e in (0, 1) for b in (0, 1)]


def test_members_take_turns_epoch_by_epoch():
    found = spots(Span(1), Span(2, members=3), steps_per_epoch=1)

    assert [(s.phase, s.epoch, s.member) for s in found] == [
        (0, 0, 0),
        *((1, epoch, member) for epoch in (0, 1) for member in (0, 1, 2)),
    ]
    assert [s.num_epochs for s in found] == [1] + [2] * 6


def test_a_phase_that_continues_goes_on_in_the_schedule():
    found = spots(
        Span(2), Span(1, 2, continues=True), Span(3, 4), Span(1, 4, True), steps_per_epoch=1
    )
    by_phase = {s.phase: [t for t in found if t.phase == s.phase] for s in found}

    assert [sorted({s.epoch for s in group}) for group in by_phase.values()] == [
        [0, 1],
        [2],
        [0, 1, 2],
        [3],
    ]
    assert [group[0].num_epochs for group in by_phase.values()] == [3, 3, 4, 4]


def test_epochs_are_counted_over_all_phases_and_end_when_every_member_has_had_them():
    timeline = Timeline([Span(2), Span(2, members=3)], 2)

    found = [timeline.epochs_behind(steps) for steps in range(timeline.num_steps + 1)]

    assert {steps: epoch for steps, epoch in enumerate(found) if epoch is not None} == {
        0: 0,
        2: 1,
        4: 2,
        10: 3,
        16: 4,
    }


@pytest.mark.parametrize(("num", "ends"), [(0, set()), (1, {16}), (2, {10, 16}), (9, {10, 16})])
def test_the_last_epochs_are_those_of_the_last_phase(num, ends):
    assert Timeline([Span(2), Span(2, members=3)], 2).last_ends(num) == ends

"""Results are kept and taken up again, and the page says what they say."""

import json
from functools import partial

import pytest

from benchmarks.effects.protocol import Arm, Claim, Effect, number, of
from benchmarks.effects.running import Folder, jobs
from benchmarks.effects.writing import arms_table, revised, row, section, summary


def measured(bench, seed, *, values, calls=None):
    return {"tau": values[seed], "passes": 8}


def effect(left, right=(0.0, 0.0, 0.0), kind="comparison"):
    arms = (
        Arm("new", partial(measured, values=left)),
        Arm("old", partial(measured, values=right)),
    )
    claims = (Claim("New is better", "P", of("new", "tau"), of("old", "tau"), kind),)
    return Effect("made_up", 1, "Made up", "What", "equal passes", arms, claims, ("tau", "passes"))


def kept(folder, chosen):
    for _, arm, seed in jobs([chosen]):
        folder.run(chosen.name, arm, seed)
    return folder.results(chosen)


@pytest.mark.parametrize(
    ("differences", "word"),
    [
        ((0.1, 0.2, 0.3), "seen"),
        ((-0.1, 0.2, 0.3), "not decided"),
        ((-0.1, -0.2, -0.3), "opposite"),
    ],
)
def test_a_line_says_means_difference_interval_and_verdict(tmp_path, differences, word):
    chosen = effect(differences)

    line = row(chosen.claims[0], kept(Folder(tmp_path), chosen), chosen.seeds)

    low, high = min(differences), max(differences)
    assert line.endswith(f"[{low:+.3f}, {high:+.3f}] | 3 | **{word}** |")


def test_a_missing_seed_leaves_a_claim_undecided(tmp_path):
    folder, chosen = Folder(tmp_path), effect((0.1, 0.2, 0.3))
    results = kept(folder, chosen)
    del results["old"][2]

    line = row(chosen.claims[0], results, chosen.seeds)

    assert line.endswith("+0.150 | 2 | **not decided** |")


def test_an_undefined_tau_is_left_out(tmp_path):
    chosen = effect((0.1, None, 0.3))

    line = row(chosen.claims[0], kept(Folder(tmp_path), chosen), chosen.seeds)

    assert "| 2 | **not decided** |" in line


def test_what_was_not_run_is_said_to_be_so():
    chosen = effect((0.1, 0.2, 0.3))

    assert "Not run." in section(chosen, {"new": {}, "old": {}})


def test_missing_runs_are_counted(tmp_path):
    folder, chosen = Folder(tmp_path), effect((0.1, 0.2, 0.3))
    folder.run("made_up", chosen.arms[0], 0)

    text = summary([chosen], {"made_up": folder.results(chosen)})

    assert "1 not decided. Only 1 of 6 runs are done." in text


def test_nothing_is_missing_when_all_is_done(tmp_path):
    chosen = effect((0.1, 0.2, 0.3))

    text = summary([chosen], {"made_up": kept(Folder(tmp_path), chosen)})

    assert text.endswith("Of 1 claims: 1 seen, 0 opposite, 0 not seen, 0 not decided.\n")


def test_a_bound_that_is_not_met_is_not_seen(tmp_path):
    chosen = effect((0.1, 0.2, 0.3))
    claim = Claim("Great", "P", of("new", "tau"), number(0.5), "bound")

    assert row(claim, kept(Folder(tmp_path), chosen), chosen.seeds).endswith("**not seen** |")


def test_means_of_every_arm_are_shown(tmp_path):
    chosen = effect((0.1, 0.2, 0.3), (1.0, 1.0, 1.0))

    table = arms_table(chosen, kept(Folder(tmp_path), chosen))

    assert table[2:4] == ["| new | 0.200 | 8.000 |", "| old | 1.000 | 8.000 |"]


def test_a_kept_result_is_not_computed_again(tmp_path):
    folder, arm = Folder(tmp_path), effect((0.1, 0.2, 0.3)).arms[0]
    folder.run("made_up", arm, 0)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"measures": {"tau": 7}}))

    assert folder.run("made_up", arm, 0) == {"tau": 7}


def test_other_settings_are_computed_anew(tmp_path):
    folder = Folder(tmp_path)
    folder.run("made_up", effect((0.1, 0.2, 0.3)).arms[0], 0)

    assert folder.result("made_up", effect((0.4, 0.2, 0.3)).arms[0], 0) is None


def test_all_protocols_have_the_first_seed_before_any_has_the_second():
    seeds = [seed for _, _, seed in jobs([effect((1,)), effect((2,))])]

    assert seeds == sorted(seeds)


def test_sections_written_anew_leave_the_others_and_count_all_claims(tmp_path):
    folder, chosen = Folder(tmp_path), effect((0.1, 0.2, 0.3))
    kept(folder, chosen)
    head, other = "# Effects\n", "## Another\n\n| A claim | P | - | -1 | 3 | **opposite** |\n"
    before = "\n".join([head, "## In short\n\nOf 1 claims.\n", "## Made up\n\nOld.\n", other])

    page = revised(before, [chosen], folder)

    short = "## In short\n\nOf 2 claims: 1 seen, 1 opposite, 0 not seen, 0 not decided.\n"
    assert page == "\n".join([head, short, section(chosen, folder.results(chosen)), other])


def test_a_section_that_the_page_lacks_is_no_reason_to_lose_it(tmp_path):
    with pytest.raises(ValueError, match="Made up"):
        revised("# Effects\n\n## In short\n", [effect((0.1, 0.2, 0.3))], Folder(tmp_path))

import pytest

from search.standalone.recipe import ImageRecipe, TextRecipe, lr_at


def test_cosine_falls_from_the_highest_rate_to_nothing():
    recipe = ImageRecipe(lr=0.2, epochs=4)

    assert [lr_at(recipe, e) for e in (0, 2, 4)] == pytest.approx([0.2, 0.1, 0.0])
    assert lr_at(recipe, 1) == pytest.approx(0.2 * 0.8535533905932737)


def test_the_rate_falls_over_the_horizon_however_long_the_training_is():
    short, long = ImageRecipe(epochs=3, horizon=9), ImageRecipe(epochs=9)

    assert [lr_at(short, e / 2) for e in range(6)] == [lr_at(long, e / 2) for e in range(6)]


def test_the_rate_rises_before_it_falls():
    recipe = ImageRecipe(lr=1.0, epochs=4, warmup_epochs=2)

    assert [lr_at(recipe, e) for e in (0, 1, 2, 3, 4)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_a_constant_rate_stays():
    assert lr_at(ImageRecipe(schedule="constant", lr=0.3, epochs=2), 1.9) == 0.3


def test_a_warm_up_that_is_longer_than_the_horizon_only_rises():
    recipe = ImageRecipe(lr=1.0, epochs=2, warmup_epochs=4)

    assert [lr_at(recipe, e) for e in (0, 1, 1.5)] == [0, 0.25, 0.375]


def test_the_length_alone_does_not_part_trainings_of_one_horizon():
    assert ImageRecipe(epochs=3, horizon=9).prefix() == ImageRecipe(epochs=9).prefix()
    assert ImageRecipe(epochs=3).prefix() != ImageRecipe(epochs=9).prefix()
    assert TextRecipe(epochs=3, lr=0.1).prefix() != TextRecipe(epochs=3, lr=0.2).prefix()

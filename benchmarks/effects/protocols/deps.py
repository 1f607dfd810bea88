"""Section 6: DepS on E-digits."""

from dataclasses import replace
from functools import partial

from benchmarks.effects.elastic import BATCH_SIZE, LR, SPACE, accuracies
from benchmarks.effects.images import digits
from benchmarks.effects.protocol import Arm, Bench, Claim, Effect, Measures, of
from benchmarks.effects.supernets import accuracy_of, new_net, train
from search.supernets.recipes import recipes
from search.supernets.schedules import cosine
from search.supernets.steps import Report
from search.supernets.supernet import largest
from search.supernets.training import Training

WHOLE = 10  # epochs of four passes a step, when subnets are trained from the start
TOTAL = 4 * WHOLE  # passes for each step of an epoch, of every arm
DELAYED = 16  # epochs when subnets come at half: 8 of one pass and 8 of four
FADE = 2
LATE = 4  # epochs of four passes after a full training of the largest


class Dip:
    """How far the accuracy of the largest falls below what it was before subnets came.

    Args:
        first: the epoch at which subnets are first trained.
    """

    LOOKS, PER_EPOCH = 8, 4

    def __init__(self, first: int) -> None:
        self._first = first
        self.before: float | None = None
        self.after: list[float] = []

    def __call__(self, training: Training, report: Report) -> None:
        """Look before the switch, and some times behind it."""
        steps = training.steps_done - self._first * training.steps_per_epoch
        if steps == 0:
            self.before = self._accuracy(training)
        every = max(training.steps_per_epoch // self.PER_EPOCH, 1)
        if self._first and 0 < steps <= self.LOOKS * every and steps % every == 0:
            self.after.append(self._accuracy(training))

    def _accuracy(self, training: Training) -> float:
        top = largest(training.net.space)
        return accuracy_of(training, digits(), kind="recalibrated", part="test")(top)

    @property
    def size(self) -> float | None:
        """None where subnets were trained from the start."""
        return self.before - min(self.after) if self.before is not None else None


def deps(bench: Bench, seed: int, *, epochs: int, ready: int, fade: int, lr: float) -> Measures:
    """Train; where subnets come last, the rate begins anew for them."""
    recipe = recipes["deps"](
        epochs=epochs,
        batch_size=BATCH_SIZE,
        lr=lr,
        ready=max(ready, 1e-9) / epochs,
        fade=fade / epochs,
        sorts_channels=ready > 0,
    )
    if epochs - ready == LATE:
        before, behind = cosine(lr), cosine(lr)
        recipe = replace(
            recipe,
            lr=lambda position, num_epochs: (
                before(position, ready) if position < ready else behind(position - ready, LATE)
            ),
        )
    dip = Dip(ready - fade)
    sets = digits()
    trained = train(new_net(SPACE, recipe, sets, seed), recipe, sets, seed, dip)
    return accuracies(trained) | {"dip of the largest": dip.size}


def _arm(name: str, epochs: int, ready: int, fade: int) -> Arm:
    return Arm(name, partial(deps, epochs=epochs, ready=ready, fade=fade, lr=LR))


def _fading_helps(what: str, arm: str, other: str) -> Claim:
    return Claim(
        f"Fading in at half makes the {what} more accurate than {other}",
        "P",
        of("half, faded in", what),
        of(arm, what),
    )


HALF = DELAYED // 2
FULL = TOTAL - 4 * LATE

EFFECTS = [
    Effect(
        "deps",
        6,
        "DepS: the largest first, then its subnets",
        "E-digits. Subnets from the start; from half the epochs, faded in or at once; or after "
        f"a full training of the largest, for {LATE} epochs with a rate that begins anew. The "
        "dip is the accuracy of the largest before subnets come less the lowest in the two "
        "epochs after.",
        f"equal passes: {WHOLE}, {DELAYED}, {DELAYED} and {FULL + LATE} epochs",
        (
            _arm("from the start", WHOLE, 0, 0),
            _arm("half, faded in", DELAYED, HALF + FADE, FADE),
            _arm("half, at once", DELAYED, HALF, 0),
            _arm("last", FULL + LATE, FULL, 0),
        ),
        (
            *(
                _fading_helps(what, arm, other)
                for arm, other in (
                    ("from the start", "subnets from the start"),
                    ("last", "subnets at the end"),
                )
                for what in ("smallest", "middle")
            ),
            Claim(
                "Without fading in the largest dips more",
                "P",
                of("half, at once", "dip of the largest"),
                of("half, faded in", "dip of the largest"),
            ),
        ),
        columns=("smallest", "middle", "largest", "dip of the largest", "passes"),
        notes=(
            "The paper claims equal accuracy at lower cost, too; here costs are equal. The rule "
            "by which channels are sorted is assumed.",
        ),
    ),
]

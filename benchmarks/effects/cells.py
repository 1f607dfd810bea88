"""C-27: the 27 small cells on handwritten digits, and how well a supernet ranks them."""

from collections.abc import Callable

from benchmarks.effects.images import digits
from benchmarks.effects.protocol import Bench, Measures
from benchmarks.effects.supernets import Trained, accuracy_of, archs_of, mean, new_net, train
from search.supernets.ranking import best_rank_of_top, kendall_tau
from search.supernets.recipe import Recipe
from search.supernets.steps import Report
from search.supernets.training import Training

SPACE = "cell_27"
EPOCHS, BATCH_SIZE, LR = 18, 64, 0.025
PLAIN = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "lr": LR}


def train_cells(
    recipe: Recipe, seed: int, look: Callable[[Training, Report], None] | None = None
) -> Trained:
    """Train the supernet of C-27."""
    sets = digits()
    return train(new_net(SPACE, recipe, sets, seed), recipe, sets, seed, look)


def ranking(bench: Bench, trained: Trained, kind: str = "", table: str = SPACE) -> Measures:
    """Accuracies of all on the validation part, and how they agree with the truth."""
    scores = accuracy_of(trained.training, trained.sets, kind=kind).of_all(archs_of(trained.net))
    truth = bench.truth(table)
    return {
        "tau": kendall_tau(truth, scores),
        "rank of top 3": best_rank_of_top(truth, scores, 3),
        "mean accuracy": mean(scores),
        "passes": trained.passes,
        "scores": scores,
    }

"""Hold a spec against what workers offer, before anything is queued. No torch here."""

from collections.abc import Iterator, Mapping
from typing import Any

from search import listing
from search.catalogue import Catalogue, Plugin, PluginKind
from search.check_parameters import Problem, parameter_problems
from search.errors import SpecError
from search.holding_out import FEWEST, num_held_out
from search.relations import asked_of_supernet, decision_problems, kind_problems, number_problems
from search.spaces import spaces
from search.spec import TABLE, Choice, Objective, Spec

METRICS: tuple[PluginKind, ...] = ("proxy", "cost", "training", "inherited")
_NOUNS: dict[PluginKind, str] = {
    "space": "space",
    "network": "network builder",
    "strategy": "strategy",
    "proxy": "metric",
    "cost": "metric",
    "training": "metric",
    "inherited": "metric",
    "recipe": "supernet recipe",
    "mixture": "supernet",
    "dataset": "data set",
}


def check(submission: Spec, catalogue: Catalogue) -> None:
    """Refuse what cannot be run, with every wrong field at once.

    Raises:
        SpecError: the message of every wrong field by its dotted path.
    """
    if not catalogue.plugins:
        raise SpecError(
            {"": "no worker has reported what it can run; start one with `archfront worker`"}
        )
    fields: dict[str, str] = {}
    for path, message in _problems(submission, catalogue):
        fields.setdefault(path, message)
    if fields:
        raise SpecError(fields)


def num_evaluations(spec: Spec, catalogue: Catalogue) -> int | None:
    """At most how many trials there will be; None when only time bounds them."""
    limits = [spec.budget.trials] if spec.budget.trials is not None else []
    strategy = catalogue.plugin("strategy", spec.strategy.name)
    space = catalogue.plugin("space", spec.space.name)
    if strategy and space and strategy.traits.get("visits_once") and "size" in space.traits:
        limits.append(int(space.traits["size"]))
    limits += [len(texts) for _, texts in _listed_archs(spec, strategy)]
    return min(limits, default=None)


def needs_network(spec: Spec) -> bool:
    """Networks are trained or measured, so that data and a device matter."""
    is_measured = any(objective.metric != TABLE for objective in spec.objectives)
    return is_measured or spec.supernet is not None or spec.export is not None


def _problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    yield from _plugin_problems("space.", "space", spec.space.name, spec.space.params, catalogue)
    yield from _strategy_problems(spec, catalogue)
    for place, objective in enumerate(spec.objectives):
        for field, message in _objective_problems(objective, spec, catalogue):
            yield f"objectives.{place}.{field}", message
    yield from _clock_problems(spec, catalogue)
    yield from _supernet_problems(spec, catalogue)
    yield from _export_problems(spec, catalogue)
    if needs_network(spec):
        yield from _network_problems(spec, catalogue)
        yield from _data_problems(spec, catalogue)
        yield from _device_problems(spec, catalogue)


def _plugin_problems(
    field: str, kind: PluginKind, name: str, params: Mapping[str, Any], catalogue: Catalogue
) -> Iterator[Problem]:
    plugin = catalogue.plugin(kind, name)
    if plugin is None:
        yield f"{field}name", _unknown(name, _NOUNS[kind], catalogue.names(kind))
        return
    yield from parameter_problems(f"{field}params", plugin, params)


def _unknown(name: str, noun: str, known: list[str]) -> str:
    return f"no worker offers a {noun} {name!r}; known: {', '.join(known) or 'none'}"


def _strategy_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    choice = spec.strategy
    yield from _plugin_problems("strategy.", "strategy", choice.name, choice.params, catalogue)
    plugin = catalogue.plugin("strategy", choice.name)
    yield from _unfit_problems(spec, plugin)
    yield from _listed_problems(spec, plugin)
    yield from _warm_start_problems(spec, plugin)
    for name, places in _objectives_named(choice.params, plugin):
        if any(place > len(spec.objectives) for place in places):
            yield f"strategy.params.{name}", _there_are(spec)
        if len(set(places)) < len(places):
            yield f"strategy.params.{name}", "an objective is named twice"
    guide = choice.params.get("guide")
    if isinstance(guide, int) and guide == choice.params.get("objective", 1):
        yield (
            "strategy.params.guide",
            "the guide is the objective itself; it must be another, cheaper one",
        )


def _unfit_problems(spec: Spec, strategy: Plugin | None) -> Iterator[Problem]:
    reason = strategy.traits.get("unfit", {}).get(spec.space.name) if strategy else None
    if reason is not None:
        yield "strategy.name", reason


def _warm_start_problems(spec: Spec, plugin: Plugin | None) -> Iterator[Problem]:
    if spec.warm_start is None:
        return
    if spec.warm_start.objective > len(spec.objectives):
        yield "warm_start.objective", _there_are(spec)
    if plugin is not None and not plugin.traits.get("takes_warm_start"):
        yield (
            "warm_start",
            f"{spec.strategy.name} does not begin at random architectures, so it takes no warm "
            "start; leave it out or choose another method",
        )


def _there_are(spec: Spec) -> str:
    return f"there are only {len(spec.objectives)} objectives"


def _objectives_named(
    params: Mapping[str, Any], plugin: Plugin | None
) -> Iterator[tuple[str, list[int]]]:
    """Parameters that are places of objectives, as far as they are well-formed."""
    properties = plugin.parameters.get("properties", {}) if plugin else {}
    for name in ("objective", "guide", "rungs"):
        given = params.get(name, properties.get(name, {}).get("default"))
        places = given if isinstance(given, list | tuple) else [given]
        yield name, [place for place in places if isinstance(place, int)]


def _listed_archs(spec: Spec, strategy: Plugin | None) -> Iterator[tuple[str, list[Any]]]:
    """Parameters of the strategy that list architectures, with what they list."""
    properties = strategy.parameters.get("properties", {}) if strategy else {}
    for name, schema in properties.items():
        if schema.get("items", {}).get("format") == listing.FORMAT:
            given = spec.strategy.params.get(name, ())
            yield name, list(given) if isinstance(given, list | tuple) else []


def _listed_problems(spec: Spec, strategy: Plugin | None) -> Iterator[Problem]:
    space = spaces.get(spec.space.name)  # of a team's own spaces only the worker knows more
    for name, texts in _listed_archs(spec, strategy):
        if name not in spec.strategy.params:
            yield f"strategy.params.{name}", "list at least one architecture"
        for place, text in enumerate(texts):
            why = listing.problem(space, text) if space and isinstance(text, str) else None
            if why is not None:
                yield f"strategy.params.{name}.{place}", why


def _objective_problems(
    objective: Objective, spec: Spec, catalogue: Catalogue
) -> Iterator[Problem]:
    if objective.metric == TABLE:
        yield from _table_problems(objective, spec, catalogue)
        return
    found = (catalogue.plugin(kind, objective.metric) for kind in METRICS)
    plugin = next((plugin for plugin in found if plugin is not None), None)
    if plugin is None:
        known = [name for kind in METRICS for name in catalogue.names(kind)]
        yield "metric", _unknown(objective.metric, "metric", [*known, TABLE])
        return
    yield from parameter_problems("params", plugin, objective.params)
    yield from _training_problems(objective, plugin, spec, catalogue)
    if plugin.traits.get("needs_supernet") and spec.supernet is None:
        yield (
            "metric",
            f"{plugin.name} reads a trained supernet: say how to train one, or name a checkpoint",
        )
    if objective.direction is None and "direction" not in plugin.traits:
        yield "direction", f"say minimize or maximize: {plugin.name} does not declare it"


def _training_problems(
    objective: Objective, plugin: Plugin, spec: Spec, catalogue: Catalogue
) -> Iterator[Problem]:
    dataset = catalogue.plugin("dataset", spec.data.name)
    content = dataset.traits.get("content", "images") if dataset else "any"
    needed = plugin.traits.get("needs_data", "any")
    if "any" not in (needed, content) and content != needed:
        yield "metric", f"{plugin.name} is a measure of {needed}; {spec.data.name} is not"
    defaults = plugin.parameters.get("properties", {})
    epochs, horizon = (
        objective.params.get(name, defaults.get(name, {}).get("default"))
        for name in ("epochs", "horizon")
    )
    if not isinstance(horizon, int) or not isinstance(epochs, int):
        return
    if plugin.kind == "training" and 0 < horizon < epochs:
        yield (
            "params.horizon",
            f"the learning rate is at its end after {horizon} of {epochs} epochs: give at least "
            f"{epochs}, or 0",
        )


def _table_problems(objective: Objective, spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    for param in objective.params:
        if param not in ("table", "column"):
            yield f"params.{param}", "unknown parameter; a table takes: table, column"
    name = objective.params.get("table")
    table = catalogue.table(name) if isinstance(name, str) else None
    if table is None:
        known = ", ".join(t.name for t in catalogue.tables if t.space == spec.space.name)
        yield (
            "params.table",
            f"there is no benchmark {name!r} for {spec.space.name}; imported: {known or 'none'}; "
            "import one on the Data page or with `archfront import table`",
        )
        return
    if table.space != spec.space.name:
        message = f"{table.name} is a benchmark of {table.space}, not of {spec.space.name}"
        yield "params.table", message
    column = objective.params.get("column")
    names = [column.name for column in table.columns]
    if column not in names:
        message = f"there is no column {column!r} in {table.name}; it has: {', '.join(names)}"
        yield "params.column", message


def _clock_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    if spec.budget.clock_s is None:
        return
    names = [o.params.get("table") for o in spec.objectives if o.metric == TABLE]
    tables = [catalogue.table(name) for name in names if isinstance(name, str)]
    if not any(table is not None and table.clock for table in tables):
        yield (
            "budget.clock_s",
            "simulated time needs an objective from a benchmark with a clock column; "
            "use trials or minutes instead",
        )


def _supernet_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    use = spec.supernet
    if use is None:
        return
    if catalogue.plugin("mixture", spec.space.name) is None:
        known = ", ".join(catalogue.names("mixture")) or "none"
        yield "space.name", f"there is no supernet of {spec.space.name}; there is one of: {known}"
    if use.recipe is not None:
        yield from _recipe_problems(use.recipe, spec.space.name, catalogue)
        yield from _held_out_problems(use.validation_share, spec, catalogue)
    elif use.checkpoint is not None:
        reason = _checkpoint_problem(use.checkpoint, spec, catalogue)
        if reason is not None:
            yield "supernet.checkpoint", reason


def _export_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    if spec.export is None:
        return
    metrics = {objective.name: objective.metric for objective in spec.objectives}
    metric = metrics[spec.export.weights]
    if not any(catalogue.plugin(kind, metric) for kind in ("training", "inherited")):
        yield (
            "export.weights",
            f"{spec.export.weights} has no weights: name an objective that trains a network or "
            "inherits from a supernet",
        )


def _recipe_problems(recipe: Choice, space: str, catalogue: Catalogue) -> Iterator[Problem]:
    path = "supernet.recipe."
    yield from _plugin_problems(path, "recipe", recipe.name, recipe.params, catalogue)
    plugin = catalogue.plugin("recipe", recipe.name)
    reason = plugin.traits.get("unfit", {}).get(space) if plugin else None
    if reason is not None:
        yield f"{path}name", f"{recipe.name} cannot train {space}: {reason}"
    known = spaces.get(space)  # of a team's own spaces only the worker knows more
    if plugin is not None and known is not None:
        nums = [len(decision.choices) for decision in known.decisions]
        kinds = {decision.kind for decision in known.decisions}
        found = (
            *decision_problems(plugin.parameters, recipe.params, nums),
            *kind_problems(plugin.parameters, recipe.params, kinds),
            *number_problems(plugin.parameters, recipe.params, nums),
        )
        for name, message in found:
            yield f"{path}params.{name}", message
    mixtures = [plugin for plugin in catalogue.plugins if plugin.kind == "mixture"]
    for name in asked_of_supernet(plugin.parameters if plugin else {}, recipe.params):
        fitting = [m.name for m in mixtures if name in m.parameters.get("properties", {})]
        if space not in fitting:
            yield (
                f"{path}params.{name}",
                f"the supernet of {space} has none; there are some in that of: "
                f"{', '.join(fitting) or 'no space'}",
            )


def _held_out_problems(share: float, spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    dataset = catalogue.plugin("dataset", spec.data.name)
    num = dataset.traits.get("num_train") if dataset and not spec.data.params else None
    if isinstance(num, int) and num - num_held_out(num, share) < FEWEST:
        yield (
            "supernet.validation_share",
            f"{num_held_out(num, share):,} of {num:,} training images would be held out, which "
            "leaves too few to train on",
        )


def _checkpoint_problem(digest: str, spec: Spec, catalogue: Catalogue) -> str | None:
    info = catalogue.checkpoint(digest)
    if info is None:
        return f"there is no checkpoint {digest}; the Data page lists those that there are"
    builder = catalogue.plugin("network", spec.space.name)
    dataset = catalogue.plugin("dataset", spec.data.name)
    # of a data set with parameters of its own only the worker knows more
    known = dataset.traits if dataset and not spec.data.params else {}
    return info.misfit(
        space=spec.space.name,
        network=_with_defaults(builder, spec.network),
        dataset=spec.data.name,
        shape=known.get("shape"),
        num_classes=known.get("num_classes"),
        dataset_digest=known.get("digest"),
    )


def _with_defaults(plugin: Plugin | None, params: Mapping[str, Any]) -> dict[str, Any]:
    properties = plugin.parameters.get("properties", {}) if plugin else {}
    defaults = {name: schema.get("default") for name, schema in properties.items()}
    return {**defaults, **params}


def _network_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    builder = catalogue.plugin("network", spec.space.name)
    if builder is None:
        if catalogue.plugin("space", spec.space.name) is not None:
            yield "space.name", f"no worker can build networks of {spec.space.name}"
        return
    yield from parameter_problems("network", builder, spec.network)


def _data_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    data = spec.data
    plugin = catalogue.plugin("dataset", data.name)
    if plugin is None:
        yield "data.name", _unknown(data.name, "data set", catalogue.names("dataset"))
        return
    yield from parameter_problems("data.params", plugin, data.params)
    if not plugin.traits.get("available", True):
        yield "data.name", str(plugin.traits.get("reason") or f"{data.name} is not available")
    yield from _content_problems(spec, plugin, catalogue)
    num_train = plugin.traits.get("num_train")
    if isinstance(num_train, int) and not data.params and data.batch_size > num_train:
        yield (
            "data.batch_size",
            f"{data.name} has {num_train:,} training images; a batch cannot be larger",
        )


def _content_problems(spec: Spec, dataset: Plugin, catalogue: Catalogue) -> Iterator[Problem]:
    """Pictures for networks of pictures, text for those that read text."""
    builder = catalogue.plugin("network", spec.space.name)
    needed = builder.traits.get("needs_data") if builder else None
    content = dataset.traits.get("content")
    if needed is None or content is None or needed == content:
        return
    fitting = [
        plugin.name
        for plugin in catalogue.plugins
        if plugin.kind == "dataset" and plugin.traits.get("content") == needed
    ]
    yield (
        "data.name",
        f"networks of {spec.space.name} read {needed}, {dataset.name} has {content}; "
        f"choose of {', '.join(fitting) or 'none that a worker has'}",
    )


def _device_problems(spec: Spec, catalogue: Catalogue) -> Iterator[Problem]:
    types = sorted({device.type for device in catalogue.devices})
    if spec.device not in types:
        known = ", ".join(types) or "none"
        yield "device", f"no living worker has a {spec.device}; there is: {known}"

"""Write plugins.md from what the plug-ins declare; a test compares."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from search.aggregates import aggregates, combination_of
from search.costs import costs
from search.datasets import datasets
from search.inherited import inherited
from search.networks import networks
from search.parameters import schema_of
from search.plugins import summary
from search.proxies import proxies
from search.spaces import spaces
from search.strategies import strategies
from search.supernets.mixtures import mixtures
from search.supernets.recipes import origin_of, recipes, unfit_reason
from search.trainings import trainings
from search.traits import Traits, traits_of

PAGE = Path(__file__).with_name("plugins.md")

OPENING = """\
# Plug-ins

Made by `python docs/reference/make.py` from what each plug-in declares. How to add one:
[add a proxy](../howto/add_a_proxy.md),
[use your own space and proxy](../howto/use_your_own_space_and_proxy.md).

*Evidence* says how sure a definition is: **code** (as in released code), **paper** (as printed),
**derived** (follows by a few lines), **reconstruction** (put together from incomplete sources) or
**memory**; the last two are labelled wherever the name shows. What is **ours** is in no paper.
*Equal for* is the coarsest equivalence of a space under which the value is shared between
architectures. *Depends on* is what, besides the architecture, decides it.
"""


def render() -> str:
    """The whole page."""
    parts = [OPENING, "\n## Spaces\n", *_spaces()]
    parts += ["\n## Proxies\n", *_measures(proxies), "\n## Costs\n", *_measures(costs)]
    parts += ["\n## Trainings\n", *_measures(trainings)]
    parts += ["\n## Measures of inherited weights\n", *_measures(inherited)]
    parts += ["\n## Recipes of supernets\n", *_recipes()]
    parts += ["\n## Supernets\n", *_plain(mixtures)]
    parts += ["\n## Aggregates\n", *_aggregates()]
    parts += ["\n## Strategies\n", *_plain(strategies), "\n## Data sets\n", *_plain(datasets)]
    return "".join(parts)


def _spaces() -> Iterator[str]:
    for name in spaces:
        space = spaces[name]
        yield f"\n### {name}\n\n{summary(space)}\n\n"
        yield f"* {space.size:,} architectures of {len(space.decisions)} decisions\n"
        yield f"* equivalences: {', '.join(space.equivalences)}\n"
        yield from _parameters(networks[name], "network parameters")


def _measures(registry: Mapping[str, Any]) -> Iterator[str]:
    for name in registry:
        yield f"\n### {name}\n\n{summary(registry[name])}\n\n"
        yield from (f"* {line}\n" for line in _traits(traits_of(registry[name])))
        yield from _parameters(registry[name], "parameters")


def _recipes() -> Iterator[str]:
    for name in recipes:
        maker = recipes[name]
        origin = origin_of(maker)
        yield f"\n### {name}\n\n{summary(maker)}\n\n"
        yield f"* evidence: {origin.evidence}; source: {origin.source}\n"
        fit = [space for space in mixtures if unfit_reason(maker(), space) is None]
        yield f"* trains: {', '.join(fit)}\n"
        yield from _parameters(maker, "parameters")


def _aggregates() -> Iterator[str]:
    for name in aggregates:
        declared = combination_of(aggregates[name])
        yield f"\n### {name}\n\n{summary(aggregates[name])}\n\n"
        made_of = ", ".join(declared.components) or "any metrics, two at least"
        yield f"* made of: {made_of}\n"
        yield f"* evidence: {declared.evidence}; source: {declared.source}\n"
        yield from _parameters(aggregates[name], "parameters")


def _plain(registry: Mapping[str, Any]) -> Iterator[str]:
    for name in registry:
        yield f"\n### {name}\n\n{summary(registry[name])}\n"
        lines = list(_parameters(registry[name], "parameters"))
        yield from (["\n", *lines] if lines else [])


def _traits(traits: Traits) -> Iterator[str]:
    better = "higher" if traits.direction == "maximize" else "lower"
    yield f"better: {better}" + (f"; unit: {traits.unit}" if traits.unit else "")
    yield f"evidence: {traits.evidence}; source: {traits.source}"
    decides = ", ".join(traits.depends_on) or "nothing"
    yield f"equal for: {traits.equivalence}; depends on: {decides}"
    labels = "; reads labels" if traits.needs_labels else ""
    runs_in = f"batch norm: {traits.batch_norm}; {traits.dtype}{labels}"
    yield f"passes: {traits.passes or 'none'}; {runs_in}"
    if traits.fails_on:
        yield f"no or little value: {traits.fails_on}"


def _parameters(plugin: Any, title: str) -> Iterator[str]:  # noqa: ANN401
    properties = schema_of(plugin).get("properties", {})
    shown = [
        f"`{name}` = {_default(schema)}{_bounds(schema)}" for name, schema in properties.items()
    ]
    if shown:
        yield f"* {title}: {'; '.join(shown)}\n"


def _default(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema.get("default"))


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
        "below": "below",
    }
    bounds = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    if "enum" in schema:
        bounds.append(", ".join(map(str, schema["enum"])))
    for other, fitting in schema.get("needs", {}).items():
        bounds.append(f"all but the default need {other} {' or '.join(fitting)}")
    return f" ({', '.join(bounds)})" if bounds else ""


if __name__ == "__main__":
    PAGE.write_text(render())

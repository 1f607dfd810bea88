"""Does a method of weight sharing do here what its paper says? ``python -m benchmarks.effects``.

A protocol (:mod:`benchmarks.effects.protocol`) says what is compared, at which budget, by which
measure, and what is claimed. :mod:`benchmarks.effects.running` runs every arm with every seed and
keeps what came of it; :mod:`benchmarks.effects.writing` makes docs/effects.md of it.
"""

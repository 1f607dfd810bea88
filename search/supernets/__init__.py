"""Supernets: one network for a whole space, whose subnets share weights.

An architecture is always a mixture (:mod:`search.supernets.mix`): for every decision of the space
a weight for each choice. One-hot is a subnet, softmax is DARTS. A mixture network
(:mod:`search.supernets.mixtures`) computes ``net(x, mix)`` with tensors that a weight source
(:mod:`search.supernets.sources`) keeps, and :mod:`search.supernets.training` is the one loop that
trains it; a recipe (:mod:`search.supernets.recipes`) says with which parts.
"""

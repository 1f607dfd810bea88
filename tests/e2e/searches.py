"""Searches that the browser tests submit on the way to what they are about."""

SMALL = """
name: A small one
space: {name: nasbench201}
network: {channels: 4, cells: 1}
data: {name: digits, batch_size: 8}
objectives: [nwot, macs]
strategy: {name: random}
budget: {trials: 12}
"""

LONG = SMALL.replace("trials: 12", "minutes: 20").replace("small", "long")

SUPERNET = """
name: A small supernet
space: {name: cell_27}
network: {channels: 4, cells: 1}
data: {name: digits}
supernet:
  recipe: {name: spos, params: {epochs: 4, batch_size: 64}}
  probes: 6
  looks: 3
objectives: [supernet_validation_accuracy, macs]
strategy: {name: exhaustive}
budget: {trials: 27}
"""

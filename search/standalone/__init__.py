"""Training of one architecture alone, from its first weights; no weights are shared."""

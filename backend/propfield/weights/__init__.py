"""Weights of the outside models: what there is, where it lies, and how it is fetched when the user asks."""

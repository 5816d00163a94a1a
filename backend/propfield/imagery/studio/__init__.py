"""The studio: a procedural world that poses the open body with simple props and knows the truth.

Each file in interactions/ is one way of using one object: a pose with its jitter, a prop made of simple
solids, and how hands and feet meet it. To add one, copy a file and change it; nothing else needs to know.
"""

from propfield.imagery.studio.source import StudioSource

__all__ = ["StudioSource"]

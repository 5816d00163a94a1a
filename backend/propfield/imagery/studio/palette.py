"""Colours of skin, hair, cloth, props and rooms, for pictures that people look at."""

import numpy as np

MATERIALS: dict[str, tuple[float, float, float] | None] = {
    "main": None,
    "second": None,
    "wood": (0.55, 0.36, 0.20),
    "metal": (0.62, 0.64, 0.67),
    "black": (0.07, 0.07, 0.08),
    "rubber": (0.12, 0.12, 0.13),
    "white": (0.90, 0.90, 0.88),
    "leather": (0.36, 0.20, 0.12),
    "screen": (0.35, 0.55, 0.85),
    "glass": (0.10, 0.13, 0.20),
    "yellow": (0.90, 0.80, 0.25),
}
"""What a part is made of, in linear red, green, blue; "main" and "second" are drawn anew for each prop."""

SKINS = np.array(
    [[0.86, 0.66, 0.54], [0.78, 0.55, 0.42], [0.60, 0.40, 0.28], [0.38, 0.24, 0.17], [0.92, 0.74, 0.63]]
)
HAIRS = np.array([[0.08, 0.06, 0.05], [0.22, 0.13, 0.07], [0.45, 0.30, 0.15], [0.55, 0.52, 0.50]])
GROUNDS = np.array(
    [[0.55, 0.53, 0.50], [0.45, 0.50, 0.42], [0.62, 0.55, 0.45], [0.48, 0.50, 0.55], [0.70, 0.69, 0.67]]
)
SKIES = np.array(
    [[0.62, 0.72, 0.85], [0.80, 0.82, 0.84], [0.72, 0.66, 0.62], [0.55, 0.62, 0.66], [0.86, 0.80, 0.72]]
)


def cloth(random: np.random.Generator) -> np.ndarray:
    """A colour that cloth and painted things have: any hue, not too bright."""
    hue, strength, value = random.uniform(0, 1), random.uniform(0.25, 0.85), random.uniform(0.3, 0.85)
    wave = np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    return value * (1 - strength * (1 - np.clip(wave, 0, 1)))


def materials(random: np.random.Generator) -> dict[str, np.ndarray]:
    """MATERIALS with the prop's own two colours drawn."""
    return {name: cloth(random) if rgb is None else np.asarray(rgb) for name, rgb in MATERIALS.items()}

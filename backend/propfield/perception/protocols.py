"""What the outside models of perception do for us, as protocols; the registry lists who keeps them.

All are batched: lists in, lists of the same length out, and the same answer for a picture alone as for one
among others. Each raises PropfieldError where it cannot tell, Unavailable where a package or weights are
missing. Boxes are x0, y0, x1, y1 in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32

from propfield.body.template import BodyTemplate
from propfield.observations.observation import Camera
from propfield.perception.detection import Detection
from propfield.perception.landmarks import Landmarks
from propfield.perception.picture import Picture


@dataclass(frozen=True)
class Boxes:
    """What a detector found in one picture, best first.

    Attributes:
        boxes: inside the picture.
        scores: how sure the detector is, in [0, 1].
        categories: of each box: COCO's names in lower case, or the words that were asked for.
    """

    boxes: Float32[np.ndarray, "N 4"]
    scores: Float32[np.ndarray, " N"]
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """One person of one picture, as far as is known yet; `mask` and `landmarks` where somebody found them."""

    picture: Picture
    box: Float32[np.ndarray, "4"]
    mask: Bool[np.ndarray, "H W"] | None = None
    landmarks: Landmarks | None = None


@runtime_checkable
class PosedBody(Protocol):
    """A body in a photo. `body_fit.BodyFit` is one, with more to it."""

    @property
    def pose(self) -> Float32[np.ndarray, "24 3"]:
        """Axis-angle in radians; the pelvis' row is zero."""
        ...

    @property
    def shape(self) -> Float32[np.ndarray, "10"]:
        """The body's shape numbers."""
        ...

    @property
    def camera(self) -> Camera:
        """The person's space to pixels, with the global orientation."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Finds persons and objects as boxes. One with an open vocabulary is made for the words to look for."""

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The categories that it can tell apart; None for any word."""
        ...

    def detect(self, pictures: Sequence[Picture]) -> list[Boxes]:
        """What is in each picture."""
        ...


@runtime_checkable
class BoxSegmenter(Protocol):
    """Finds what is in given boxes, whatever it is."""

    def masks(
        self, pictures: Sequence[Picture], boxes: Sequence[Float32[np.ndarray, "_ 4"]]
    ) -> list[Bool[np.ndarray, "_ _ _"]]:
        """A mask (N, H, W) at each picture's size, one for each of its N boxes."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """Finds persons and objects with their masks. A detector and a box segmenter together are one."""

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The categories that it can tell apart; None for any word."""
        ...

    def segment(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """What is in each picture, best first, with masks at the picture's size."""
        ...


@runtime_checkable
class KeypointFinder(Protocol):
    """Finds persons' landmarks."""

    def estimate(self, people: Sequence[Person]) -> list[Landmarks | None]:
        """The landmarks of each person from its box; None where nobody is recognised."""
        ...


@runtime_checkable
class BodyEstimator(Protocol):
    """Finds persons' pose, shape and camera."""

    def estimate(self, people: Sequence[Person], body: BodyTemplate) -> Sequence[PosedBody | None]:
        """Each person as `body`; None where it is not known."""
        ...

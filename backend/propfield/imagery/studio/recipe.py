"""What an interaction file says: a person's pose and a prop, each with how much they vary."""

from dataclasses import dataclass, field

import numpy as np

from propfield.observations.interaction import InteractionType

Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)
ONE: Vector = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Spread:
    """A value that varies evenly within ± `jitter` of `mean`, each axis on its own."""

    mean: Vector = ZERO
    jitter: Vector = ZERO

    def draw(self, random: np.random.Generator) -> np.ndarray:
        return np.asarray(self.mean) + np.asarray(self.jitter) * random.uniform(-1, 1, 3)


@dataclass(frozen=True)
class Part:
    """One solid of a prop.

    Attributes:
        shape: a name in primitives.PRIMITIVES.
        sizes: its own measures, metres.
        at, turn: where it stands in the prop: metres, and degrees about x, y, z.
        colour: a name in palette.MATERIALS, or "main" for the prop's own colour.
    """

    shape: str
    sizes: dict
    at: Vector = ZERO
    turn: Vector = ZERO
    colour: str = "main"


@dataclass(frozen=True)
class PropRecipe:
    """A prop, and where it sits.

    Attributes:
        anchor: "ground" (under the feet), a joint, or two joints (between them).
        upright: the anchor's axes are the world's (the person's own when standing) and not the joint's.
        offset: metres from the anchor, in its axes.
        turn: degrees about the anchor's axes.
        scale: overall size varies by ± this share.
        stretch: each axis of the prop varies by ± this share besides.
        parts: the object's solids.
        scenery: solids that stand with it, are seen and hide what is behind them, but are no part of the
            object: what one sits on while using a laptop, say.
    """

    anchor: str | tuple[str, str]
    parts: tuple[Part, ...]
    scenery: tuple[Part, ...] = ()
    upright: bool = False
    offset: Spread = Spread()
    turn: Spread = Spread()
    scale: float = 0.0
    stretch: Vector = ZERO


@dataclass(frozen=True)
class Reach:
    """A hand or foot that goes to a point, by bending its limb.

    Attributes:
        limb: "left hand", "right hand", "left foot", "right foot".
        to: where its palm or sole goes: metres in the frame.
        frame: "prop", "ground" or "body" (the pelvis with the world's axes).
        bend: the world direction to which the elbow or knee points; None for a natural one.
        palm: the direction that the palm faces, in the frame; None to leave the forearm untwisted.
        turn: of a foot, degrees against the frame.
        jitter: metres.
    """

    limb: str
    to: Vector
    frame: str = "prop"
    bend: Vector | None = None
    palm: Vector | None = None
    turn: Vector = ZERO
    jitter: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """One interaction: its type, the person's pose, the prop.

    Attributes:
        pose: Euler degrees of joints, by name; the others stay as in the T-pose.
        root: turn of the whole person against the world, degrees; in observations it is the camera's.
        reaches: hands and feet that meet the prop or the floor, solved after the prop stands.
        views: share of each kind of view (cameras.VIEW_KINDS); empty for the usual ones.
    """

    category: str
    type: InteractionType
    prop: PropRecipe
    pose: dict[str, Spread] = field(default_factory=dict)
    root: Spread = Spread()
    reaches: tuple[Reach, ...] = ()
    views: dict[str, float] = field(default_factory=dict)

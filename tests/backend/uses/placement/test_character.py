"""Into which parts of a character a prop may go."""

import numpy as np
import torch

from propfield.body.skinning import bone_transforms
from propfield.uses.placement.character import free_vertices, posed_character
from propfield.uses.placement.posed_field import posed_field

from .known_field import at_joint, field_of, rigid


def free_share(anchor: str, part: str, reach: float) -> tuple[float, float]:
    """Of the left and of the right hand, for the angle so far outside of a joint, as of a type that names a
    part."""
    place = rigid((0.3, 0.8, -0.4), at_joint(anchor) + np.array([reach, 0.0, 0.0]))
    field = field_of(place, anchor, part)
    rest = bone_transforms(torch.tensor(field.rest_pose), torch.tensor(field.body.joints)).numpy()
    character = posed_character(field, np.linalg.inv(rest.astype(float)))
    (kind,) = [each for each in field.types if each.type.name != "all"]
    free = free_vertices(character, kind.type, posed_field(field, kind, character.bones))
    return tuple(float(free[character.part(hand)].mean()) for hand in ("left hand", "right hand"))


def test_a_hand_that_the_field_reaches_closes_around_the_prop_whatever_the_type_names():
    assert free_share("right_wrist", "hips", -0.09) == (0.0, 1.0)


def test_a_hand_far_from_the_field_is_free_only_if_the_type_names_it():
    assert free_share("right_wrist", "hips", -0.6) == (0.0, 0.0)
    assert free_share("right_wrist", "right hand", -0.6) == (0.0, 1.0)

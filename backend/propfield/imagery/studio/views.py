"""One view of the studio: an observation, or the picture that it would have been made from."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8

from propfield.imagery.studio.cameras import draw_camera, draw_kind
from propfield.imagery.studio.keypoints import keypoints
from propfield.imagery.studio.picture import shade
from propfield.imagery.studio.rays import Caster
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.scene import Scene, build_scene, scene_random
from propfield.observations.observation import Camera, Observation, mask_box

SIZE = 256
"""Pixels a side."""
CAMERAS_PER_SCENE = 2
LICENCE = "CC0-1.0"
LEAST_PIXELS = 12
"""What shows fewer pixels than this no detector finds."""


def view(recipe: Recipe, index: int, seed: int, size: int = SIZE) -> Observation:
    """View `index` of an interaction; the same for the same arguments, whatever other views are made."""
    return next(views(recipe, range(index, index + 1), seed, size))


def views(recipe: Recipe, indices: range, seed: int, size: int = SIZE) -> Iterator[Observation]:
    """Views of an interaction; neighbours share a scene, so that a whole range costs less than its views."""
    number, scene, caster = -1, None, None
    for index in indices:
        if index // CAMERAS_PER_SCENE != number or scene is None or caster is None:
            number = index // CAMERAS_PER_SCENE
            scene = build_scene(recipe, scene_random(recipe, seed, number))
            caster = Caster(scene)
        yield observe(scene, caster, index, seed, size)


def view_camera(scene: Scene, index: int, seed: int, size: int) -> tuple[Camera, np.random.Generator]:
    """The camera of a view, and the random numbers left for what else is drawn for it."""
    random = scene_random(scene.recipe, seed, index, purpose=1)
    return draw_camera(scene, draw_kind(scene.recipe.views, random), size, random), random


def observe(scene: Scene, caster: Caster, index: int, seed: int, size: int = SIZE) -> Observation:
    """What a perfect eye reads off one camera's picture of a scene. Boxes are those of what is visible."""
    camera, random = view_camera(scene, index, seed, size)
    things = caster.things(camera, size)
    count = caster.people
    seen = (
        np.bincount(things[things >= 0], minlength=len(scene.meshes))[: count + len(scene.props)]
        >= LEAST_PIXELS
    )
    person_mask = (things == 0) & bool(count)
    object_mask = (things >= count) & (things < count + len(scene.props))
    if not seen[:count].any():
        person_mask = np.zeros_like(person_mask)
    if not seen[count:].any():
        object_mask = np.zeros_like(object_mask)
    recipe = scene.recipe
    return Observation(
        id=f"studio/{recipe.category}/{recipe.type.name}/{seed}/{index:06d}",
        source="studio",
        category=recipe.category,
        prompt=recipe.type.prompt,
        licence=LICENCE,
        people=int(seen[:count].sum()),
        objects=int(seen[count:].sum()),
        person_box=mask_box(person_mask),
        object_box=mask_box(object_mask),
        person_mask=person_mask,
        object_mask=object_mask,
        keypoints=keypoints(scene, caster, camera, size, random),
        pose=scene.pose,
        shape=np.zeros(10, dtype=np.float32),
        camera=camera,
    )


def render_picture(
    recipe: Recipe, index: int, seed: int, size: int = SIZE
) -> UInt8[np.ndarray, "size size 3"]:
    """The colour picture of view `index`, pixel for pixel where its observation's masks are."""
    scene = build_scene(recipe, scene_random(recipe, seed, index // CAMERAS_PER_SCENE))
    camera, random = view_camera(scene, index, seed, size)
    return shade(scene, Caster(scene), camera, size, random)

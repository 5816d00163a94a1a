"""Every interaction that comes with propfield, and what is said about a bad one."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from propfield.body.loaders import open_body
from propfield.body.skeleton import JOINT_INDEX
from propfield.errors import PropfieldError
from propfield.imagery.studio.interaction_file import FOLDER, read_recipe, recipes
from propfield.imagery.studio.recipe import Recipe
from propfield.imagery.studio.scene import Scene, build_scene, scene_random

ALL = [recipe for kinds in recipes().values() for recipe in kinds]
ASKED = {
    ("skateboard", "ride"), ("surfboard", "ride"), ("surfboard", "carry"), ("umbrella", "hold"),
    ("tennis racket", "swing"), ("backpack", "wear"), ("hat", "wear"), ("tie", "wear"), ("chair", "sit"),
    ("bench", "sit"), ("bicycle", "ride"), ("sports ball", "kick"), ("sports ball", "hold"),
    ("suitcase", "pull"), ("laptop", "use"), ("camera", "photograph"), ("motorcycle", "ride"),
    ("skis", "ski"), ("baseball glove", "catch"), ("handbag", "carry"),
}  # fmt: skip


def name_of(recipe: Recipe) -> str:
    return f"{recipe.category} {recipe.type.name}"


def surface_of(scene: Scene) -> cKDTree:
    """Points all over the object, 5 mm apart or so on a chair."""
    return cKDTree(trimesh.sample.sample_surface(scene.props[0].mesh, 40_000, seed=1)[0])


def test_all_asked_interactions_are_there() -> None:
    assert {(recipe.category, recipe.type.name) for recipe in ALL} >= ASKED


def test_prompts_are_told_apart() -> None:
    prompts = [recipe.type.prompt for recipe in ALL]
    assert len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("recipe", ALL, ids=name_of)
def test_the_object_meets_the_body_part_it_names(recipe: Recipe) -> None:
    assert recipe.type.part is not None
    part = open_body().part_vertices(recipe.type.part)
    for number in range(4):
        scene = build_scene(recipe, scene_random(recipe, 1, number), mishaps=False)
        distance = surface_of(scene).query(scene.vertices[part])[0].min()
        # CHORUS counts an object as meeting a part within 0.13 m (Supp. A.7).
        assert distance < 0.08


@pytest.mark.parametrize("recipe", [recipe for recipe in ALL if recipe.reaches], ids=name_of)
def test_hands_and_feet_get_to_what_they_reach_for(recipe: Recipe) -> None:
    for number in range(4):
        scene = build_scene(recipe, scene_random(recipe, 2, number), mishaps=False)
        surface = surface_of(scene)
        for wish in recipe.reaches:
            if wish.frame != "prop":
                continue
            own = scene.vertices[open_body().part_vertices(wish.limb)]
            # A suitcase's handle was out of reach of every arm, by 7 cm in the median.
            assert surface.query(own)[0].min() < 0.02


# The hand belongs in the glove.
@pytest.mark.parametrize(
    "recipe", [recipe for recipe in ALL if recipe.category != "baseball glove"], ids=name_of
)
def test_the_body_keeps_out_of_the_object(recipe: Recipe) -> None:
    joint = open_body().skin_weights.argmax(1)
    # Hands hold on and soles press down; a limb or the trunk in a prop would be wrong.
    holding = [
        JOINT_INDEX[f"{side}_{name}"]
        for side in ("left", "right")
        for name in ("wrist", "hand", "ankle", "foot")
    ]
    rest = ~np.isin(joint, holding)
    shares, deepest = [], 0.0
    for number in range(4):
        scene = build_scene(recipe, scene_random(recipe, 3, number), mishaps=False)
        inside = scene.props[0].inside(scene.vertices.astype(float))
        shares.append(inside[rest].mean())
        if inside[rest].any():
            depth = surface_of(scene).query(scene.vertices[rest][inside[rest]])[0]
            deepest = max(deepest, depth.max())
    assert np.mean(shares) < 0.04
    assert deepest < 0.06


GOOD = (FOLDER / "sports-ball-kick.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('category = "sports ball"', "", "“category” is missing"),
        ('part = "right foot"', 'part = "right fin"', "“part” must be one of"),
        ("radius = 0.115", 'radius = "big"', "“prop.part[1].radius” must be a number"),
        ("radius = 0.115", "radius = -1", "“prop.part[1].radius” must not be negative"),
        ('shape = "sphere"', 'shape = "blob"', "“prop.part[1].shape” must be one of"),
        ("scale = 0.06", "scael = 0.06", "“prop.scael” is not a key here; the nearest are scale"),
        ("left_knee =", "left_nee =", "“pose.left_nee” is not a joint that poses; the nearest are left_knee"),
        ("turn = [16, 0, 0]", "turn = [-70, 0, 0]", "left_knee turns -5 to 150 degrees about x, not -70"),
        ("offset = [0, 0.05, 0.14]", "offset = [0, 0.05]", "“prop.offset” must be three numbers"),
        ('anchor = "right_foot"', 'anchor = "moon"', "“prop.anchor” must be “ground”, a joint"),
        ("[prop]", "[prop", "this is not TOML"),
    ],
)
def test_a_bad_file_gives_one_sentence_with_file_and_key(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    assert old in GOOD
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(PropfieldError) as caught:
        read_recipe(path)
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert key in message
    assert "\n" not in message


def test_a_copy_of_a_file_is_the_same_interaction(tmp_path: Path) -> None:
    path = tmp_path / "copy.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_recipe(path) == read_recipe(FOLDER / "sports-ball-kick.toml")

"""The scoreboard of placed props."""

import numpy as np
import pytest
import trimesh

from propfield.cli.main import run
from propfield.errors import NotFound
from propfield.evaluation.placement import Symmetry, _apart, _wish, evaluate_placement, symmetry_of
from propfield.field.file import load_field
from propfield.imagery.studio.interaction_file import recipes
from propfield.imagery.studio.prop import build_prop
from propfield.imagery.studio.true_places import true_places


def recipe_of(category, name):
    return next(recipe for recipe in recipes()[category] if recipe.type.name == name)


def test_turns_that_take_a_prop_onto_itself():
    ball = symmetry_of(recipe_of("sports ball", "kick"))
    assert ball.round
    # One that a placement was told to be wrong by: every turn of a ball is right.
    turned = trimesh.transformations.rotation_matrix(np.radians(37), [0.3, -0.8, 0.5], ball.middle)
    assert _apart(turned, np.eye(4)[None], ball) == pytest.approx((0, 0), abs=1e-9)
    racket = symmetry_of(recipe_of("tennis racket", "swing")).turns
    assert not symmetry_of(recipe_of("tennis racket", "swing")).round
    half = np.diag([-1.0, 1, -1])
    assert any(np.abs(turn - half).max() < 1e-9 for turn in racket)
    assert not any(np.abs(turn - np.diag([-1.0, -1, 1])).max() < 1e-9 for turn in racket)
    bicycle = symmetry_of(recipe_of("bicycle", "ride")).turns
    assert not any(np.abs(turn - half).max() < 0.5 for turn in bicycle)


def test_how_far_a_placement_is_from_the_truth():
    symmetry = Symmetry(np.array([0.0, 0.5, 0]), np.array([np.eye(3), np.diag([-1.0, 1, -1])]), False)
    true = trimesh.transformations.euler_matrix(0.3, -0.2, 1.0)
    true[:3, 3] = [1, 2, 3]
    assert _apart(true, true[None], symmetry) == pytest.approx((0, 0), abs=1e-5)
    about = trimesh.transformations.rotation_matrix(np.pi, [0, 1, 0])
    assert _apart(true @ about, true[None], symmetry) == pytest.approx((0, 0), abs=1e-5)
    tilted = true @ trimesh.transformations.rotation_matrix(0.2, [1, 0, 0], [0, 0.5, 0])
    assert _apart(tilted, true[None], symmetry) == pytest.approx((0, np.degrees(0.2)), abs=1e-5)
    away = true.copy()
    away[:3, 3] += [0, 0, 0.04]
    assert _apart(away, true[None], symmetry) == pytest.approx((0.04, 0), abs=1e-5)


def test_the_ground_is_under_the_prop_that_is_placed_and_not_under_one_of_another_size():
    recipe = recipe_of("skateboard", "ride")
    board = np.asarray(build_prop(recipe.prop.parts, np.eye(4)).mesh.vertices)
    for index in range(4):
        truth = true_places(recipe, 20261125, index)
        lowest = (board @ truth.places[0, 1, :3] + truth.places[0, 1, 3]).min()
        assert _wish(recipe, truth, True).ground == pytest.approx(lowest, abs=1e-9)
        assert _wish(recipe, truth, False).ground is None


@pytest.mark.parametrize(("category", "name"), [("bicycle", "ride"), ("tennis racket", "swing")])
def test_the_first_true_place_is_the_scenes_own(category, name):
    recipe = recipe_of(category, name)
    truth = true_places(recipe, 5, 1)
    nominal = np.asarray(build_prop(recipe.prop.parts, np.eye(4)).mesh.vertices)
    drawn = np.asarray(truth.scene.props[0].mesh.vertices) @ truth.world[:3, :3].T + truth.world[:3, 3]
    placed = nominal @ truth.places[0, :3, :3].T + truth.places[0, :3, 3]
    # But for its size, which is drawn within a few percent.
    assert np.linalg.norm(placed - drawn, axis=1).max() < 0.04 * np.ptp(nominal, axis=0).max()


def test_fields_of_nothing_that_the_studio_has_are_refused():
    with pytest.raises(NotFound, match="None of the fields"):
        evaluate_placement({})


@pytest.mark.slow
def test_learned_fields_place_the_studios_props(tmp_path):
    found = {}
    for category in ("hat", "chair", "tennis racket"):
        file = tmp_path / f"{category}.field.npz"
        assert run(["learn", category, "--views", "200", "--estimator", "fit", "--out", str(file)]) == 0
        found[category] = load_field(file)
    result = evaluate_placement(found, poses=2)
    assert result["poses_placed"] == 1
    assert result["bones_right"] == 1
    assert result["penetration_m"] <= 0.005

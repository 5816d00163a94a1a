"""Fit Skeleton and Check Fit work beside the window; what becomes of the mesh meanwhile."""

import threading

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")


@pytest.fixture
def statue(blender, field_file):
    """The field's own body without a skeleton, active."""
    assert blender.ops.propfield.open_field(filepath=str(field_file)) == {"FINISHED"}
    assert blender.ops.propfield.make_body() == {"FINISHED"}
    settings = blender.context.scene.propfield
    armature = settings.character
    body = next(child for child in armature.children if child.type == "MESH")
    body.modifiers.clear()
    body.vertex_groups.clear()
    body.parent = None
    blender.data.objects.remove(armature)
    settings.character = None
    body.select_set(True)
    blender.context.view_layer.objects.active = body
    return body


def begin(blender, body):
    from addon.operators.fit_skeleton import begin_fit
    from addon.operators.target import field_of

    return begin_fit(field_of(blender.context), body, True)


def test_a_skeleton_is_one_undo_step_and_made_beside_its_mesh(blender, statue):
    own = blender.data.collections.new("statues")
    blender.context.scene.collection.children.link(own)
    blender.context.scene.collection.objects.unlink(statue)
    own.objects.link(statue)
    blender.context.view_layer.objects.active = statue
    blender.ops.ed.undo_push(message="Ready")
    assert blender.ops.propfield.fit_skeleton("EXEC_DEFAULT", True) == {"FINISHED"}
    name = statue.name
    armature = blender.context.scene.propfield.character
    assert armature.users_collection[0].name == "statues"
    assert blender.data.objects[name].find_armature() == armature
    weights = [sum(group.weight for group in vertex.groups) for vertex in statue.data.vertices]
    assert np.allclose(weights, 1, atol=1e-5)
    assert blender.ops.ed.undo() == {"FINISHED"}
    assert blender.data.objects[name].find_armature() is None
    assert not [item for item in blender.data.objects if item.type == "ARMATURE"]


def test_a_mesh_that_is_deleted_or_changed_meanwhile_is_a_sentence(blender, statue):
    from addon.client.running import session

    job = begin(blender, statue)
    assert not blender.ops.propfield.fit_skeleton.poll()
    statue.location.x = 1
    blender.context.view_layer.update()
    assert session.wait(lambda: job.ended, 120)
    assert job.state == "failed"
    assert job.error == f"“{statue.name}” was changed meanwhile: fit the skeleton again."
    job = begin(blender, statue)
    blender.data.objects.remove(statue)
    assert session.wait(lambda: job.ended, 120)
    assert job.error == "The mesh is gone: no skeleton was made."
    assert not [item for item in blender.data.objects if item.type == "ARMATURE"]


def test_cancelled_it_makes_nothing(blender, statue):
    from addon.client.running import session

    job = begin(blender, statue)
    assert session.wait(lambda: job.progress > 0.02, 60)
    assert blender.ops.propfield.cancel() == {"FINISHED"}
    assert session.wait(lambda: job.ended, 60)
    assert job.state == "cancelled"
    assert statue.parent is None
    assert not [item for item in blender.data.objects if item.type == "ARMATURE"]


def test_what_computes_long_does_not_run_on_the_main_thread(blender, statue, monkeypatch):
    """Each heavy function is seen to run, and in another thread than Blender's."""
    from addon.operators import check_fit, fit_skeleton, place_prop, placing
    from addon.scene import prop_problem

    seen = {}

    def watched(module, name: str) -> None:
        function = getattr(module, name)

        def call(*arguments, **options):
            seen.setdefault(name, set()).add(threading.current_thread() is threading.main_thread())
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    watched(fit_skeleton, "fit_character")
    watched(check_fit, "check_fit")
    watched(place_prop, "search")
    watched(placing, "refuse_size")
    for name in ("prop_mesh", "body_mesh", "posed_body"):
        watched(prop_problem, name)
    verbs, settings = blender.ops.propfield, blender.context.scene.propfield
    assert verbs.fit_skeleton() == {"FINISHED"}
    assert verbs.check_fit() == {"FINISHED"}
    settings.field_type = "carry"
    blender.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=8, radius=0.2, location=(4, 4, 1))
    settings.place.prop, settings.place.count = blender.context.object, 1
    assert verbs.place_prop() == {"FINISHED"}
    everything = (
        "fit_character",
        "check_fit",
        "search",
        "refuse_size",
        "prop_mesh",
        "body_mesh",
        "posed_body",
    )
    assert seen == {name: {False} for name in everything}

"""How long each of the add-on's verbs holds Blender's window.

    .venv/bin/python blender_scripts/bench_window.py FIELD.field.npz [SUBDIVISIONS]

Verbs run as in a window, in the bpy wheel, without a backend: what an operator's own call takes, and the
longest step of the timer, which takes over what threads found. Milliseconds of the main thread's processor
time, the least of a few. With 2 subdivisions the body has 164,399 vertices.
"""

import importlib
import pkgutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bpy
from addon.client.running import session

import addon
from addon import operators


def held(name: str, verb: Callable[[], object], times: int = 4, after: Callable[[], object] = int) -> None:
    """Prints the milliseconds of the call, and of the longest step after it."""
    calls, steps = [], []
    for _ in range(times):
        start = time.thread_time()
        verb()
        calls.append(time.thread_time() - start)
        longest = 0.0
        while session.learning or session.pump.busy:
            start = time.thread_time()
            session.step()
            longest = max(longest, time.thread_time() - start)
            time.sleep(0.01)
        steps.append(longest)
        if session.job is not None and session.job.error:
            sys.exit(f"{name}: {session.job.error}")
        after()
    print(f"{name:24} call {1e3 * min(calls):6.1f} ms   longest step {1e3 * min(steps):6.1f} ms", flush=True)


def as_in_a_window() -> None:
    """Operators wait without a window; here they must not."""
    for found in pkgutil.iter_modules(operators.__path__):
        module = importlib.import_module(f"addon.operators.{found.name}")
        if hasattr(module, "must_wait"):
            module.must_wait = lambda wait: False


def main(field: str, subdivisions: str = "0") -> None:
    """Goes through the verbs."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    as_in_a_window()
    verbs, context = bpy.ops.propfield, bpy.context
    layer, settings = context.view_layer, context.scene.propfield
    held("open field", lambda: verbs.open_field(filepath=field))
    held("make body", verbs.make_body, 1)
    body = next(child for child in settings.character.children if child.type == "MESH")
    if int(subdivisions):
        body.modifiers.new("Subdivision", "SUBSURF").levels = int(subdivisions)
        layer.objects.active = body
        bpy.ops.object.modifier_apply(modifier="Subdivision")
    print(f"body of {len(body.data.vertices)} vertices")
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, radius=0.2, location=(4, 4, 1))
    settings.place.prop = context.object
    layer.update()

    def away() -> None:
        bpy.data.objects.remove(layer.objects.active)

    held("place", verbs.place_prop)
    held("match size", verbs.size_prop)
    held("check fit", verbs.check_fit)
    for kind in ("mesh", "volume", "points"):
        verb = getattr(verbs, f"import_{kind}")
        held(f"import {kind}, first", verb, 1, away)
        held(f"import {kind}, again", verb, 4, away)
    statue = body.copy()
    statue.data = body.data.copy()
    context.scene.collection.objects.link(statue)

    def alone() -> None:
        statue.parent = None
        statue.modifiers.clear()
        statue.vertex_groups.clear()
        layer.update()
        layer.objects.active = statue

    alone()
    held("fit skeleton", verbs.fit_skeleton, 3, alone)


if __name__ == "__main__":
    main(*sys.argv[1:])

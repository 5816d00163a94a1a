"""The demo, end to end: learns fields through the add-on in headless Blender, poses and renders them, rebuilds
photos, measures all of it, and lays a contact sheet out. Run by `make demo`; writes OUT/demo.png, demo.blend, the
field files, report.json."""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from contact_sheet import Row, Tile, contact_sheet
from demo_plan import ACTS, varied

from propfield.evaluation.truth import truth_score
from propfield.field.file import load_field
from propfield.field.occupancy import OccupancyField
from propfield.field.posing import pose_points
from propfield.field.skinning_weights import weights_at
from propfield.imagery.studio import StudioSource, mean_pose, render_picture, true_occupancy

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
PROPFIELD = [sys.executable, "-m", "propfield"]
EXAMPLE = REPOSITORY / "examples"
# How the camera of each act stands: degrees round the character, degrees up, height of what it looks at (m).
STANDS = {"umbrella": (30, 8, 0.12), "skateboard": (40, 12, -0.25)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def blender(work: dict, out: Path, environment: dict[str, str]) -> dict:
    """Runs the demo's Blender part in a process of its own and gives its report."""
    plan = out / f"work-{work['report']}"
    plan.write_text(json.dumps(work))
    log = out / work["report"].replace(".json", ".log")
    with open(log, "w") as stream:
        done = subprocess.run(
            [sys.executable, str(HERE / "demo_blender.py"), str(plan)],
            env=environment, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if done.returncode or not (out / work["report"]).is_file():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SystemExit(f"demo: Blender ended with {done.returncode}; the end of {log}:\n{tail}")
    plan.unlink()
    return json.loads((out / work["report"]).read_text())


def propfield(*arguments: str, environment: dict[str, str]) -> dict:
    """A verb of the terminal, and the JSON that it prints."""
    done = subprocess.run(
        [*PROPFIELD, *arguments, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"demo: propfield {' '.join(arguments)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def bind_error(field: OccupancyField, arrays: dict[str, np.ndarray]) -> float:
    """Metres: the farthest that a deformed iso-surface vertex in Blender is from the backend's own skinning."""
    canonical = arrays["canonical"]
    weights = weights_at(canonical, field.weights, field.grid)
    worst = 0.0
    for name, pose in arrays.items():
        if name.startswith("pose "):
            ours = pose_points(field, canonical, weights, pose)
            worst = max(worst, float(np.abs(ours - arrays[name.replace("pose", "deformed")]).max()))
    return worst


def truth_of(field: OccupancyField, kind: str, seed: int) -> dict[str, float]:
    """Scores of a learned type against the studio's true occupancy."""
    truth = true_occupancy(field.category, [kind], field.grid, scenes=300, seed=seed + 1)
    score = truth_score(field.type(kind), truth[kind])
    return {"iou": round(score.iou, 4), "correlation": round(score.correlation, 4)}


def photos_to_rebuild(views: int) -> list[dict]:
    """The CC0 photo of the examples; and, where they are, the development photos with real weights."""
    from skimage import data, io

    found: list[dict] = []
    cameraman = EXAMPLE / "cameraman.json"
    if cameraman.is_file():
        picture = REPOSITORY / "out" / "demo" / "photos" / "cameraman.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        io.imsave(picture, data.camera(), check_contrast=False)
        found.append({"name": "cameraman", "photo": picture, "category": "camera",
                      "options": ["--annotations", str(cameraman)]})  # fmt: skip
    shared = REPOSITORY.parent / "shared"
    if (shared / "models").is_dir() and (shared / "photos").is_dir():
        weights = ["--segmenter", str(shared / "models" / "yolov5s-seg.onnx"),
                   "--landmarker", str(shared / "models" / "pose_landmarker_heavy.task"),
                   "--annotations", str(shared / "photos" / "instances.json")]  # fmt: skip
        for number, category in (("000000000036", "umbrella"), ("000000003553", "skateboard")):
            found.append({"name": number, "photo": shared / "photos" / f"{number}.jpg",
                          "category": category, "options": weights})  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    parser.add_argument("--views", type=int, default=500, help="views for each interaction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=24, help="Cycles samples a pixel")
    options = parser.parse_args()
    begin = time.monotonic()
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    (out / "renders").mkdir(parents=True)
    environment = {
        **os.environ,
        # The demo touches neither the user's library nor the user's Blender.
        "PROPFIELD_HOME": str(out / "home"),
        "BLENDER_USER_RESOURCES": str(out / "blender"),
    }
    say("packing the extension")
    subprocess.run([sys.executable, str(HERE / "build_extension.py")], check=True, stdout=subprocess.DEVNULL)
    extension = max((REPOSITORY / "dist").glob("propfield-*.zip"), key=lambda path: path.stat().st_mtime)

    say(f"learning {', '.join(act.category for act in ACTS)} through the add-on in Blender, posing, rendering")
    acts = []
    for act in ACTS:
        base = mean_pose(act.category, act.type)
        azimuth, elevation, height = STANDS[act.category]
        acts.append({
            "category": act.category, "type": act.type, "azimuth": azimuth, "elevation": elevation,
            "height": height,
            "poses": {name: varied(base, changes).tolist() for name, changes in act.poses.items()},
        })  # fmt: skip
    common = {"out": str(out), "extension": str(extension), "port": free_port(), "python": sys.executable,
              "views": options.views, "seed": options.seed, "samples": options.samples}  # fmt: skip
    in_blender = blender({**common, "acts": acts, "photos": [], "report": "blender.json"}, out, environment)

    fields: dict[str, OccupancyField] = {}
    report: dict = {"field": {}, "fields": []}
    for act in in_blender["acts"]:
        kept = out / f"{act['category']}.field.npz"
        shutil.copyfile(act["field"], kept)
        field = fields[act["category"]] = load_field(kept)
        with np.load(out / f"bind-{act['category']}.npz") as data:
            error = bind_error(field, dict(data))
        report["fields"].append({
            "category": field.category, "file": kept.name, "voxels": field.grid.resolution**3,
            "types": [kind.type.name for kind in field.types],
            "learn_seconds": act["seconds"],
            "views_kept": field.provenance["views"]["kept"],
            "views_rejected": field.provenance["views"]["rejected"],
            "truth": truth_of(field, act["type"], options.seed),
            "bind_max_error_m": error,
        })  # fmt: skip

    say("rebuilding photos")
    photos, scenes = [], []
    for photo in photos_to_rebuild(options.views):
        category = photo["category"]
        field_file = out / f"{category}.field.npz"
        if not field_file.is_file():
            propfield("learn", category, "--views", str(options.views), "--seed", str(options.seed),
                      "--out", str(field_file), environment=environment)  # fmt: skip
        folder = out / "photos" / photo["name"]
        told = propfield("reconstruct", str(photo["photo"]), "--category", category, "--field", str(field_file),
                         "--out", str(folder), *photo["options"], environment=environment)  # fmt: skip
        person = told["people"][0]
        photos.append({"name": photo["name"], "category": category, "type": person["type"],
                       "reprojection_px": person["reprojection_px"],
                       "person_height_px": person["person_height_px"],
                       "object_mask_iou": person["object_mask_iou"]})  # fmt: skip
        scenes.append({"name": photo["name"], "scene": str(folder / "scene.json")})
    through = blender({**common, "acts": [], "photos": scenes, "report": "photos.json"}, out, environment)

    first = report["fields"][0]
    report["field"] = {"voxels": first["voxels"], "types": first["types"]}
    report["learn"] = {"seconds": round(sum(field["learn_seconds"] for field in report["fields"]), 2)}
    report["views"] = {
        "kept": sum(field["views_kept"] for field in report["fields"]),
        "rejected": {
            name: sum(field["views_rejected"][name] for field in report["fields"])
            for name in first["views_rejected"]
        },
    }
    report["truth"] = {
        key: round(float(np.mean([field["truth"][key] for field in report["fields"]])), 4)
        for key in ("iou", "correlation")
    }
    report["bind"] = {"max_error_m": max(field["bind_max_error_m"] for field in report["fields"])}
    report["photos"] = photos
    report["seconds"] = round(time.monotonic() - begin, 1)

    rows = [Row("What the machine learns from: pictures of the studio, with the object's mask",
                [Tile(render_picture(act.category, act.type, index, options.seed), f"{act.category}: view {index}")
                 for act in ACTS for index in (0, 2, 5)], 200)]  # fmt: skip
    for act in in_blender["acts"]:
        for kind, title in (("mesh", "surfaces of equal probability"), ("volume", "a volume")):
            rows.append(Row(f"{act['category'].capitalize()}: {title}, bound to the armature",
                            [Tile(out / picture["file"], picture["pose"])
                             for picture in act["pictures"] if picture["kind"] == kind]))  # fmt: skip
    for photo in photos:
        folder = out / "photos" / photo["name"]
        rows.append(Row(f"A photo rebuilt: {photo['name']} ({photo['category']}, {photo['type']})", [
            Tile(folder / "photo.png", "photo"),
            Tile(folder / "overlay.png", f"fitted body and object, joints {photo['reprojection_px']:.1f} px off"),
            Tile(out / through["photos"][photo["name"]], "in Blender, through its camera"),
        ]))  # fmt: skip
    contact_sheet(rows, out / "demo.png")
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    for leftover in (*out.glob("bind-*.npz"), *out.glob("work-*.json"), out / "blender.json", out / "photos.json"):
        leftover.unlink(missing_ok=True)
    say(f"done in {report['seconds']:.0f} s: {options.out}/demo.png, demo.blend, report.json")


if __name__ == "__main__":
    main()

"""The demo, end to end, run by `make demo`.

Learns fields through the add-on in headless Blender, poses and renders them, rebuilds photos, measures all of
it, and lays a contact sheet out. Writes demo.png, demo.blend, the field files and report.json.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contact_sheet import Row, Tile, contact_sheet
from demo_measures import bind_error, field_report, whole_report
from demo_plan import ACTS, varied
from propfield.field.file import load_field
from propfield.imagery.studio import StudioSource

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
DEVELOPMENT = REPOSITORY.parent / "shared"


@dataclass(frozen=True)
class Demo:
    """Where the demo writes, and with what it is made."""

    out: Path
    views: int
    seed: int
    samples: int
    only_open: bool

    @property
    def environment(self) -> dict[str, str]:
        """The demo touches neither the user's library nor the user's Blender."""
        own = {"PROPFIELD_HOME": "home", "BLENDER_USER_RESOURCES": "blender"}
        return {**os.environ, **{name: str(self.out / folder) for name, folder in own.items()}}

    def blender(self, extension: Path, report: str, **work: Any) -> dict[str, Any]:
        """Runs the demo's Blender part in a process of its own, and gives what it reports."""
        plan, told, log = (self.out / f"{report}{suffix}" for suffix in (".plan.json", ".json", ".log"))
        common = {
            "out": str(self.out),
            "report": told.name,
            "extension": str(extension),
            "port": free_port(),
            "python": sys.executable,
            "views": self.views,
            "seed": self.seed,
            "samples": self.samples,
        }
        plan.write_text(json.dumps({**common, **work}))
        command = [sys.executable, str(HERE / "demo_blender.py"), str(plan)]
        with open(log, "w") as stream:
            done = subprocess.run(command, env=self.environment, stdout=stream, stderr=subprocess.STDOUT)
        if done.returncode or not told.is_file():
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise SystemExit(f"demo: Blender ended with {done.returncode}; the end of {log}:\n{end}")
        report_of_blender = json.loads(told.read_text())
        plan.unlink()
        told.unlink()
        return report_of_blender

    def propfield(self, *arguments: str) -> dict[str, Any]:
        """A verb of the terminal, and the JSON that it prints."""
        command = [sys.executable, "-m", "propfield", *arguments, "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"demo: propfield {' '.join(arguments)} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)


def free_port() -> int:
    """A port that nothing uses, so that the demo does not meet the user's own backend."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def packed_extension() -> Path:
    """The add-on's zip, as a user would install it."""
    say("packing the extension")
    subprocess.run([sys.executable, str(HERE / "build_extension.py")], check=True, stdout=subprocess.DEVNULL)
    return max((REPOSITORY / "dist").glob("propfield-*.zip"), key=lambda path: path.stat().st_mtime)


def learned_in_blender(demo: Demo, extension: Path) -> tuple[list[dict], list[dict]]:
    """Runs the acts; gives what Blender reports of each, and each field's part of the report."""
    studio = StudioSource()
    acts = []
    for act in ACTS:
        own = studio.view(act.category, act.type, 0, demo.seed).pose
        poses = {name: varied(own, changes).tolist() for name, changes in act.poses.items()}
        acts.append({"category": act.category, "type": act.type, "camera": act.camera, "poses": poses})
    told = demo.blender(extension, "blender", acts=acts, photos=[])["acts"]
    fields = []
    for act in told:
        kept = demo.out / f"{act['category']}.field.npz"
        shutil.copyfile(act["field"], kept)
        field = load_field(kept)
        bound = demo.out / f"bind-{act['category']}.npz"
        with np.load(bound) as data:
            error = bind_error(field, dict(data))
        bound.unlink()
        fields.append(field_report(field, act, demo.seed, error))
    return told, fields


def photos_at_hand(out: Path, only_open: bool) -> list[dict]:
    """The CC0 photo of the examples; and, where they are and wanted, development photos with real weights."""
    from skimage import data, io

    picture = out / "cameraman.png"
    io.imsave(picture, data.camera(), check_contrast=False)
    annotations = ["--annotations", str(REPOSITORY / "examples" / "cameraman.json")]
    photos = [{"name": "cameraman", "photo": picture, "category": "camera", "options": annotations}]
    models, pictures = DEVELOPMENT / "models", DEVELOPMENT / "photos"
    if models.is_dir() and pictures.is_dir() and not only_open:
        weights = [
            *("--segmenter", str(models / "yolov5s-seg.onnx")),
            *("--keypoints", str(models / "pose_landmarker_heavy.task")),
        ]
        for number, category in (("000000000036", "umbrella"), ("000000004765", "surfboard")):
            photo = pictures / f"{number}.jpg"
            photos.append({"name": number, "photo": photo, "category": category, "options": weights})
    return photos


def rebuilt(demo: Demo, extension: Path) -> list[dict]:
    """Rebuilds each photo and renders it in Blender; gives their parts of the report, with the folder and the
    render of each."""
    photos, scenes = [], []
    for photo in photos_at_hand(demo.out, demo.only_open):
        category = photo["category"]
        field = demo.out / f"{category}.field.npz"
        if not field.is_file():
            say(f"learning {category} in the terminal")
            amount = ("--estimator", "fit", "--views", str(demo.views), "--seed", str(demo.seed))
            demo.propfield("learn", category, *amount, "--out", str(field))
        say(f"rebuilding the photo {photo['name']}")
        folder = demo.out / "photos" / photo["name"]
        told = demo.propfield(
            *("reconstruct", str(photo["photo"]), "--category", category, "--field", str(field)),
            *("--out", str(folder), *photo["options"]),
        )
        measured = ("category", "type", "reprojection_px", "person_height_px", "object_mask_iou")
        photos.append({"name": photo["name"], **{key: told[key] for key in measured}})
        scenes.append({"name": photo["name"], "scene": str(folder / "scene.json")})
    renders = demo.blender(extension, "photos", acts=[], photos=scenes)["photos"]
    return [{**photo, "renders": renders[photo["name"]]} for photo in photos]


def sheet_rows(demo: Demo, acts: list[dict], photos: list[dict]) -> list[Row]:
    """Pictures that were learned from; fields in poses, as mesh and volume; photos rebuilt."""
    studio = StudioSource()
    rows = [
        Row(
            "What it learns from: a studio that knows the truth (real pictures work too)",
            [
                Tile(
                    studio.picture(act.category, act.type, index, demo.seed), f"{act.category}, view {index}"
                )
                for act in ACTS
                for index in (2, 4, 6)
            ],
            200,
        )
    ]
    for act in acts:
        # Surfaces on the left, volumes on the right.
        pictures = sorted(act["pictures"], key=lambda picture: picture["kind"])
        tiles = [Tile(demo.out / picture["file"], picture["pose"]) for picture in pictures]
        title = f"The {act['category']} field on the armature: surfaces of equal probability, and a volume"
        rows.append(Row(title, tiles, 300))
    for photo in photos:
        folder = demo.out / "photos" / photo["name"]
        off = 100 * photo["reprojection_px"] / photo["person_height_px"]
        tiles = [
            Tile(folder / "photo.png", "the photo"),
            Tile(folder / "overlay.png", f"fitted, joints {off:.1f}% off"),
            *(Tile(demo.out / file, label) for label, file in photo["renders"].items()),
        ]
        rows.append(Row(f"One photo becomes a scene: {photo['category']}, {photo['type']}", tiles))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    parser.add_argument("--views", type=int, default=500, help="views for each interaction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=24, help="Cycles samples a pixel")
    parser.add_argument(
        "--only-open", action="store_true", help="leave out photos that must not be passed on"
    )
    options = parser.parse_args()
    begin = time.monotonic()
    demo = Demo(options.out.resolve(), options.views, options.seed, options.samples, options.only_open)
    shutil.rmtree(demo.out, ignore_errors=True)
    (demo.out / "renders").mkdir(parents=True)
    extension = packed_extension()
    say(f"learning {' and '.join(act.category for act in ACTS)} through the add-on in Blender, and rendering")
    acts, fields = learned_in_blender(demo, extension)
    photos = rebuilt(demo, extension)
    contact_sheet(sheet_rows(demo, acts, photos), demo.out / "demo.png")
    told = [{key: value for key, value in photo.items() if key != "renders"} for photo in photos]
    report = whole_report(fields, told, time.monotonic() - begin)
    (demo.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    say(f"done in {report['seconds']:.0f} s: see demo.png, demo.blend and report.json in {options.out}")


if __name__ == "__main__":
    main()

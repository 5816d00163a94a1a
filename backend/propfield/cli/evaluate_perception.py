"""propfield evaluate perception"""

from typing import Annotated, Any

import typer

from propfield.cli.output import Json, print_json, print_table, shown_progress
from propfield.cli.perception_options import Detector, Keypoints, Segmenter

_COLUMNS = {
    "pa_mpjpe_mm": "PA-MPJPE",
    "mpjpe_mm": "MPJPE",
    "joint_angle_deg": "joints",
    "camera_rotation_deg": "camera",
    "distance_error": "distance",
    "front_back": "f/b",
    "left_right": "l/r",
    "body_iou": "body",
    "mask_iou": "mask",
}
_SHARES = ("distance_error", "front_back", "left_right", "body_iou", "mask_iou")


def evaluate_perception(
    on: Annotated[str, typer.Option(help="What to score it on: studio.")] = "studio",
    views: Annotated[
        int | None, typer.Option(help="How many people, each in a picture of its own (80).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses people, poses and cameras.")] = 0,
    detector: Detector = None,
    segmenter: Segmenter = None,
    keypoints: Keypoints = None,
    as_json: Json = False,
) -> None:
    """Score what is seen of people, on people of the studio whose pose and camera are known.

    Bodies are fitted to landmarks with a detector's mistakes (noise, outliers, missing points, changed
    sides): COCO's 17 keypoints, those with feet and hands, and 3D landmarks as BlazePose has them. Then to
    what models see in the studio's pictures, where their weights are here. Nothing knows the true focal
    length.

    Shown for all people, by view and by pose: distances of joints in mm after the best similarity transform
    (PA-MPJPE) and with the pelvises laid together (MPJPE); mean angle of the joints and rotation of the
    camera in degrees; error of the distance, how often front and back (f/b) or left and right (l/r) are
    confused, and intersection over union of the body's outline and of the person's mask, in percent.

    **Examples**

    - `propfield evaluate perception`

    - `propfield evaluate perception --views 200 --seed 1 --json`

    With `--json`: {"on", "views", "seed", "levels"}; a level: {"level", "skipped" (why, or null), "people",
    "failure_rate", "scores", "fit_seconds", "seconds" (of a person), "by_view", "by_pose" ({name: {"people",
    "failure_rate", "scores"}}), "uncertainty" ({"bins": [{"said_mm", "true_mm"}], "rank_correlation"})}.
    """
    with shown_progress() as progress:
        from propfield.evaluation.perception.scoreboard import PEOPLE
        from propfield.evaluation.perception.scoreboard import evaluate_perception as evaluated
        from propfield.perception.choice import PerceptionChoice

        choice = PerceptionChoice(detector=detector, segmenter=segmenter, keypoints=keypoints)
        result = evaluated(
            on, views=PEOPLE if views is None else views, seed=seed, choice=choice, progress=progress
        )
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: dict[str, Any]) -> None:
    """The scores as tables for people."""
    for level in result["levels"]:
        print(f"\n{level['level'][0].upper()}{level['level'][1:]}", end="")
        if level["skipped"]:
            print(f": left out. {level['skipped']}")
            continue
        print(f": {level['people']} people, {level['fit_seconds']:.2f} s to fit each")
        groups = {"all": level, **level["by_view"], **level["by_pose"]}
        told = [name for name in _COLUMNS if name in level["scores"]]
        print_table(
            ["", "people", "failed", *(_COLUMNS[name] for name in told)],
            [
                [
                    name,
                    str(group["people"]),
                    f"{100 * group['failure_rate']:.0f}",
                    *(_shown(score, group["scores"].get(score)) for score in told),
                ]
                for name, group in groups.items()
            ],
        )
        bins = ", ".join(f"{each['true_mm']:.0f}" for each in level["uncertainty"]["bins"])
        said = ", ".join(f"{each['said_mm']:.0f}" for each in level["uncertainty"]["bins"])
        print(f"Joints said to be {said} mm off are {bins} mm off.")


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.0f}" if name in _SHARES else f"{value:.0f}"

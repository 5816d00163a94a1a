"""The options by which verbs let users choose what sees: `PerceptionChoice(detector, segmenter, keypoints,
body)` takes what they give."""

from typing import Annotated

import typer

Detector = Annotated[
    str | None,
    typer.Option(
        help="What finds boxes, for a segmenter that cuts them out: NAME or NAME:WEIGHTS, see `providers`."
    ),
]
Segmenter = Annotated[
    str | None,
    typer.Option(
        help="What finds masks: NAME, NAME:WEIGHTS or a YOLO-seg ONNX file, see `providers`."
        " The first that can run here when left out."
    ),
]
Keypoints = Annotated[
    str | None,
    typer.Option(
        help="What finds keypoints: NAME, NAME:WEIGHTS or a pose_landmarker .task file, see `providers`."
        " The first that can run here when left out."
    ),
]
Body = Annotated[
    str | None,
    typer.Option(help="Where bodies come from: fit (our own) or smpl-file:FILE, see `providers`."),
]

"""The table of providers, in the order in which they are taken when the user names none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from propfield.errors import Unavailable
from propfield.licences import read_licence
from propfield.perception.registry import OF_THE_USER, Chosen, Job, Provider, choose
from propfield.weights.folder import landmarker_weights, segmenter_weights, weights_folder

_PERCEPTION = 'install it with pip install "propfield[perception]"'


def _coco(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.annotations import read_annotations

    return read_annotations(Path(named or ""))


def _onnx_yolo_seg(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.onnx_segmenter import OnnxSegmenter

    return OnnxSegmenter(segmenter_weights(_path(named)))


def _mediapipe(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.keypoints_mediapipe import MediaPipeKeypoints

    return MediaPipeKeypoints(landmarker_weights(_path(named)))


def _path(named: str | None) -> Path | None:
    return Path(named).expanduser() if named else None


def _segmenter_file(named: str | None) -> Path | None:
    try:
        return segmenter_weights(_path(named))
    except Unavailable:
        return None


def _landmarker_file(named: str | None) -> Path | None:
    try:
        return landmarker_weights(_path(named))
    except Unavailable:
        return None


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        job="segmenter",
        name="onnx-yolo-seg",
        what="YOLOv5, v7, v8 or v11 segmentation exported to ONNX",
        open=_onnx_yolo_seg,
        code=read_licence("MIT"),
        weights_licence=OF_THE_USER,
        packages=("onnxruntime",),
        remedy=_PERCEPTION,
        weights="a YOLO segmentation ONNX file",
        found=_segmenter_file,
        get="give one with --segmenter FILE.onnx, or put one into the weights' folder",
        suffixes=(".onnx",),
    ),
    Provider(
        job="segmenter",
        name="coco",
        what="masks and keypoints from a COCO annotation file",
        open=_coco,
        code=read_licence("GPL-3.0-or-later"),
        weights_licence=OF_THE_USER,
        weights="an annotation file",
        found=_path,
        get="give one with --annotations FILE.json",
        suffixes=(".json",),
        by_default=False,
    ),
    Provider(
        job="keypoints",
        name="mediapipe",
        what="BlazePose's landmarks in the picture and in metres",
        open=_mediapipe,
        code=read_licence("Apache-2.0"),
        weights_licence=read_licence("Apache-2.0"),
        packages=("mediapipe",),
        remedy=_PERCEPTION,
        weights="a pose_landmarker .task file",
        found=_landmarker_file,
        get="give one with --keypoints FILE.task, or put one into the weights' folder",
        suffixes=(".task",),
    ),
    Provider(
        job="body",
        name="fit",
        what="our own fit of the 24-joint body to keypoints",
        open=lambda named, words: None,
        code=read_licence("GPL-3.0-or-later"),
    ),
)


def chosen(job: Job, text: str | None) -> Chosen | None:
    """The provider of a job that `text` names; without a text the first that can run here, or None.

    NotFound for a name that there is not.
    """
    if text is not None:
        return choose(job, text, PROVIDERS)
    usable = (each for each in PROVIDERS if each.job == job and each.by_default and not each.missing())
    first = next(usable, None)
    return Chosen(first) if first else None


def simplest_way(job: Job) -> str:
    """What to do when no provider of a job can run here, in a clause: the first provider's remedy."""
    first = next(each for each in PROVIDERS if each.job == job and each.by_default)
    return f"the simplest is {first.name}: {first.missing()} ({weights_folder()})"

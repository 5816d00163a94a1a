"""The table of providers, in the order in which they are taken when the user names none."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from propfield.errors import PropfieldError, Unavailable
from propfield.licences import read_licence
from propfield.perception.hub_models.folders import how_to_get, model_folder
from propfield.perception.registry import OF_THE_USER, Chosen, Job, Provider, choose
from propfield.weights.folder import landmarker_file, segmenter_file, weights_folder
from propfield.weights.records import named_weights

Opener = Callable[[str | None, Sequence[str]], Any]
_PERCEPTION = 'install it with pip install "propfield[perception]"'


def _coco(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.annotations import read_annotations

    if named is None:
        raise PropfieldError("coco reads a file; give it with --annotations FILE.json or as coco:FILE.json.")
    return read_annotations(Path(named).expanduser())


def _onnx_yolo_seg(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.onnx_segmenter import OnnxSegmenter

    return OnnxSegmenter(_here(_segmenter_file(named)))


def _mediapipe(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.keypoints_mediapipe import MediaPipeKeypoints

    return MediaPipeKeypoints(_here(_landmarker_file(named)))


def _rtdetr(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.hub_models.rt_detr import RtDetr

    return RtDetr(_folder("rtdetr-v2", named))


def _grounding_dino(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.hub_models.grounding_dino import GroundingDino

    return GroundingDino(_folder("grounding-dino", named), words)


def _sam2(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.hub_models.sam2 import Sam2

    return Sam2(_folder("sam2", named))


def _mask2former(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.hub_models.mask2former import Mask2Former

    return Mask2Former(_folder("mask2former", named))


def _vitpose(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.hub_models.vitpose import VitPose

    return VitPose(_folder("vitpose", named))


def _detectron2(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.detectron2_segmenter import Detectron2Segmenter

    return Detectron2Segmenter(_brought("detectron2", named))


def _mmpose(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.mmpose_keypoints import MmposeKeypoints

    return MmposeKeypoints(_brought("mmpose", named))


def _smpl_file(named: str | None, words: Sequence[str]) -> Any:
    from propfield.perception.smpl_file import SmplFile

    if named is None:
        raise PropfieldError("smpl-file reads a regressor's output; give it as smpl-file:FILE.npz.")
    return SmplFile(Path(named).expanduser())


def _brought(name: str, named: str | None) -> Path:
    """A model's folder, which has to be named: nobody could tell which of several is meant."""
    if named is None:
        raise PropfieldError(f"{name} has many models; name the folder of one: {name}:FOLDER.")
    return Path(named).expanduser()


def _folder(name: str, named: str | None) -> Path:
    folder = model_folder(name, named)
    if folder is None:
        raise Unavailable(f"There are no weights of {name} here; {how_to_get(name)}.")
    return folder


def _hub(job: Job, name: str, what: str, opens: Opener, licence: str, **more: Any) -> Provider:
    """A provider over the transformers package; `licence` is that of the weights."""
    return Provider(
        job=job,
        name=name,
        what=what,
        open=opens,
        code=read_licence("Apache-2.0"),
        weights_licence=read_licence(licence),
        packages=("transformers",),
        remedy='install it with pip install "propfield[transformers]"',
        weights="a model's folder of weights",
        found=lambda named: model_folder(name, named),
        get=how_to_get(name),
        **more,
    )


def _segmenter_file(named: str | None) -> Path | None:
    return named_weights(named) if named else segmenter_file()


def _landmarker_file(named: str | None) -> Path | None:
    return named_weights(named) if named else landmarker_file()


def _here(path: Path | None) -> Path:
    if path is None:
        raise Unavailable("The weights are not here; `propfield providers` tells how to get them.")
    return path


PROVIDERS: tuple[Provider, ...] = (
    _hub("detector", "rtdetr-v2", "RT-DETR: boxes of COCO's 80 categories", _rtdetr, "Apache-2.0"),
    _hub("detector", "grounding-dino", "Grounding DINO: boxes of any words", _grounding_dino, "Apache-2.0"),
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
        get="bring it with `propfield weights get yolov5s-seg --from FILE` or name it: --segmenter FILE.onnx",
        suffixes=(".onnx",),
    ),
    _hub("segmenter", "mask2former", "Mask2Former: masks of COCO's 80 categories", _mask2former, "other"),
    _hub("segmenter", "sam2", "SAM 2: masks of what a detector boxed", _sam2, "Apache-2.0", in_boxes=True),
    Provider(
        job="segmenter",
        name="detectron2",
        what="PointRend, Mask R-CNN and others of detectron2",
        open=_detectron2,
        code=read_licence("Apache-2.0"),
        weights_licence=OF_THE_USER,
        packages=("detectron2",),
        remedy="install it with pip install 'git+https://github.com/facebookresearch/detectron2.git'",
        by_default=False,
    ),
    Provider(
        job="segmenter",
        name="coco",
        what="masks and keypoints from a COCO annotation file",
        open=_coco,
        code=read_licence("GPL-3.0-or-later"),
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
        get="get it with `propfield weights get pose-landmarker-heavy`, or name one: --keypoints FILE.task",
        suffixes=(".task",),
    ),
    _hub("keypoints", "vitpose", "ViTPose: COCO's 17 keypoints", _vitpose, "Apache-2.0"),
    Provider(
        job="keypoints",
        name="mmpose",
        what="HRNet with DARK, RTMPose and others of mmpose",
        open=_mmpose,
        code=read_licence("Apache-2.0"),
        weights_licence=OF_THE_USER,
        packages=("mmpose",),
        remedy='install it with pip install openmim && mim install "mmcv>=2,<2.2" mmpose',
        by_default=False,
    ),
    Provider(
        job="body",
        name="fit",
        what="our own fit of the 24-joint body to keypoints",
        open=lambda named, words: None,
        code=read_licence("GPL-3.0-or-later"),
    ),
    Provider(
        job="body",
        name="smpl-file",
        what="bodies that 4D-Humans, TokenHMR and their kin found",
        open=_smpl_file,
        code=read_licence("GPL-3.0-or-later"),
        weights_licence=OF_THE_USER,
        suffixes=(".npz", ".json", ".pkl"),
        by_default=False,
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
    return f"the simplest is {first.name}: {first.missing()} (weights lie in {weights_folder()})"

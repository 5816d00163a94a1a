"""Which outside parts can be used here, without loading any of them."""

from importlib.util import find_spec


def providers() -> list[dict]:
    """[{"job", "name", "available", "reason", "licence"}]; `reason` says what one that is missing needs."""
    return [
        _provider("body", "open body", "CC0-1.0"),
        _provider("body", "SMPL family", "research only", ("smplx",), "install propfield[smplx]"),
        _provider("pictures", "studio", "CC0-1.0"),
        _provider("pictures", "coco", "of each picture"),
        _provider("pictures", "folder", "of each picture"),
        _provider("masks", "COCO annotations", "of the file"),
        _provider("masks", "YOLO-seg", "of the weights", ("onnxruntime",), "install propfield[perception]"),
        _provider("keypoints", "MediaPipe", "Apache-2.0", ("mediapipe",), "install propfield[perception]"),
        _provider("body fit", "fit to keypoints", "GPL-3.0-or-later"),
    ]


def _provider(job: str, name: str, licence: str, needs: tuple[str, ...] = (), remedy: str = "") -> dict:
    missing = [package for package in needs if find_spec(package) is None]
    return {
        "job": job,
        "name": name,
        "available": not missing,
        "reason": f"{', '.join(missing)} is not installed; {remedy}" if missing else "",
        "licence": licence,
    }

"""Which outside parts can be used here, without loading any of them."""

from propfield.perception.providers import PROVIDERS
from propfield.perception.registry import installed


def providers() -> list[dict]:
    """[{"job", "name", "what", "available", "reason", "licence", "weights_licence", "commercial"}].

    `reason` says what one that is not available needs; `licence` is the code's; `weights_licence` null where
    there are no weights; `commercial` whether what it gives may be used so: null where only the user's files
    tell.
    """
    return [
        _house("body template", "open body", "the 24-joint body made from CC0 data", "CC0-1.0", True),
        _house(
            "body template",
            "SMPL family",
            "the user's SMPL, SMPL-H and SMPL-X files",
            "research only",
            False,
            needs="smplx",
            remedy='install it with pip install "propfield[smplx]"',
        ),
        _house("pictures", "studio", "posed bodies with simple props, rendered", "CC0-1.0", True),
        _house("pictures", "coco", "the pictures of a COCO annotation file", "of each picture", None),
        _house("pictures", "folder", "a folder of photos", "of each picture", None),
        *(provider.as_json() for provider in PROVIDERS),
    ]


def _house(
    job: str, name: str, what: str, licence: str, commercial: bool | None, needs: str = "", remedy: str = ""
) -> dict:
    missing = bool(needs) and not installed(needs)
    return {
        "job": job,
        "name": name,
        "what": what,
        "available": not missing,
        "reason": f"{needs} is not installed; {remedy}" if missing else "",
        "licence": licence,
        "weights_licence": None,
        "commercial": commercial,
    }

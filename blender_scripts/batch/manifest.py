"""The manifest: every file that a batch made, what it was made from, and what its licences allow.

It says nothing of when, where, by how many workers and in how many tries, so that a batch that was killed and
went on has the same manifest as one that was not.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .inputs import Input, Inputs
from .journal import Made
from .matrix import Frame
from .spec import Spec

FORMAT, VERSION = "propfield.batch", 1


def manifest(
    spec: Spec,
    inputs: Inputs,
    software: dict[str, str],
    made: Iterable[tuple[Frame, Made]],
    failed: dict[str, str],
    sheet: str | None,
) -> dict[str, Any]:
    """The manifest's content. `failed` says why, by the frame's name; `sheet` is the contact sheet's path."""
    used = sorted(inputs.files.values(), key=lambda one: (one.what, one.name))
    licences = merged_licences(used)
    verdicts = {one["commercial"] for one in licences}
    return {
        "format": FORMAT,
        "version": VERSION,
        # A doubt counts against, as everywhere in propfield.
        "commercial": False if False in verdicts else None if None in verdicts or not verdicts else True,
        "licences": licences,
        "software": software,
        "seed": spec.seed,
        "inputs": [{"what": one.what, "path": one.name, "sha256": one.sha256} for one in used],
        "sheet": sheet,
        "frames": [
            {
                "name": frame.name,
                **frame.labels,
                **({} if frame.number is None else {"frame": frame.number}),
                "key": frame.key,
                "inputs": sorted(inputs.files[path].name for path in frame.inputs),
                "settings": _settings(frame),
                "files": [{key: one[key] for key in ("path", "bytes", "sha256")} for one in found.files],
            }
            for frame, found in made
        ],
        "failed": [{"name": name, "error": error} for name, error in sorted(failed.items())],
    }


def merged_licences(used: Iterable[Input]) -> list[dict[str, Any]]:
    """[{"what", "licence", "commercial", "in": [names of inputs]}], each licence of a thing once."""
    found: dict[tuple[str, str, Any], list[str]] = {}
    for one in used:
        for entry in one.licences:
            key = (str(entry["what"]), str(entry["licence"] or "not known"), entry["commercial"])
            found.setdefault(key, []).append(one.name)
    return [
        {"what": what, "licence": licence, "commercial": commercial, "in": sorted(set(names))}
        for (what, licence, commercial), names in sorted(found.items(), key=lambda item: item[0][:2])
    ]


def _settings(frame: Frame) -> dict[str, Any]:
    return {part: frame.work[part] for part in ("camera", "style") if part in frame.work}


def write_json(path: Path, content: Any) -> None:
    """Writes JSON to a temporary name and renames it."""
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)

"""Placing a prop: from the terminal's files, or from a job's uploads and the library's fields."""

import json
from pathlib import Path
from typing import Any

from propfield.atomic import replacing
from propfield.field.file import load_field
from propfield.field.occupancy import OccupancyField
from propfield.home import Home
from propfield.jobs.requests import PlaceRequest
from propfield.ledger import Ledger, of_field
from propfield.library import Library
from propfield.progress import Progress, silent
from propfield.uploads import find_upload
from propfield.uses.placement.place import Placement, Wish, placements
from propfield.uses.placement.problem import Problem, read_problem
from propfield.uses.placement.sequence import path_over_frames

NAME = "placements.json"


def place_uploads(
    request: PlaceRequest, home: Home, *, folder: Path, progress: Progress = silent
) -> dict[str, Any]:
    """Places an uploaded prop; gives the wire's result, whose one file lies in `folder`."""
    if request.field_file:
        file = find_upload(home.uploads, request.field_file)
    else:
        file = Library(home.library).path(str(request.field))
    problem = read_problem(find_upload(home.uploads, request.problem))
    scale = (request.scale[0], request.scale[1]) if request.scale else None
    wish = Wish(request.type, request.count, scale, request.ground)
    _, told = place_prop(
        load_field(file), problem, wish, commercial_safe=request.commercial_safe, progress=progress
    )
    write_placements(told, folder / NAME)
    return {"files": [NAME], **told}


def place_prop(
    field: OccupancyField,
    problem: Problem,
    wish: Wish,
    *,
    commercial_safe: bool = False,
    progress: Progress = silent,
) -> tuple[list[Placement], dict[str, Any]]:
    """Placements of a problem, and what is told of them: ranked ones of a single frame, of several frames one
    each that together make a smooth path."""
    Ledger(commercial_safe).add(of_field(field.category, field.provenance))
    if problem.frames == 1:
        found, path = placements(field, problem, wish, progress), None
        shown = [each.as_json(rank) for rank, each in enumerate(found, 1)]
    else:
        found = path_over_frames(field, problem, wish, progress)
        shown = [each.as_json(1) for each in found]
        path = [each["matrix"] for each in shown]
    return found, {
        "category": field.category,
        "type": wish.type,
        "frames": problem.frames,
        "placements": shown,
        "path": path,
    }


def write_placements(told: dict[str, Any], file: Path) -> None:
    """The same bytes for the same placements, wherever they were asked for."""
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")

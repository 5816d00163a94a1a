"""Learning a field as a job: pictures into tables, type by type, and the tables into a field."""

import tempfile
import time
from pathlib import Path

from propfield.body.loaders import open_body
from propfield.engines import Engine, Processes
from propfield.errors import NotFound, nearest_names
from propfield.field.file import save_field
from propfield.field.grid import Grid
from propfield.field.learning import learn_field
from propfield.field.occupancy import OccupancyField
from propfield.home import Home
from propfield.imagery.source import Source
from propfield.imagery.sources import source_by_name
from propfield.jobs.perceiving import perceive
from propfield.jobs.requests import LearnRequest
from propfield.jobs.spread_counting import spread_count
from propfield.jobs.typical_poses import typical_poses
from propfield.ledger import Ledger
from propfield.library import Library, name_for
from propfield.library.previews import TYPICAL_POSES, try_previews
from propfield.observations.interaction import InteractionType
from propfield.observations.store import StoredObservations
from propfield.perception.choice import PerceptionChoice
from propfield.progress import Progress, silent


def learn(
    request: LearnRequest,
    *,
    checkpoint: Path | None = None,
    engine: Engine | None = None,
    choice: PerceptionChoice | None = None,
    progress: Progress = silent,
) -> OccupancyField:
    """Learns the field that is asked for: source → observations → filters → votes (CHORUS §3).

    Observations are stored under `checkpoint` (a folder; a temporary one when None), and what is there from
    an earlier run of the same request is not perceived again: the field is the same, bit for bit, as
    it is whatever `engine` does the work (processes of this machine when None). `choice` says who looks at
    photos; it must be the same for a checkpoint. NotFound, with the nearest
    names, for an unknown category or type; PropfieldError for inputs that are not commercial-safe, where that
    is asked for.
    """
    ledger = Ledger(request.commercial_safe)
    source = source_by_name(request.source, ledger, choice)
    kinds = _wanted_types(source, request)
    engine = engine or Processes()
    if checkpoint is None:
        with tempfile.TemporaryDirectory(prefix="propfield-") as folder:
            return _learn(request, source, kinds, Path(folder), engine, ledger, progress)
    return _learn(request, source, kinds, checkpoint, engine, ledger, progress)


def learn_into_library(
    request: LearnRequest, home: Home, *, mark: str, checkpoint: Path, progress: Progress
) -> dict:
    """Learns a field into the home folder's library; gives the wire's result of a learn job."""
    begin = time.monotonic()
    field = learn(request, checkpoint=checkpoint, progress=progress)
    progress("write the field", 0.0)
    name = name_for(field.category, mark)
    library = Library(home.library)
    save_field(field, library.new_path(name))
    progress("write the field", 1.0)
    progress("draw the preview", 0.0)
    try_previews(library, name, field)
    progress("draw the preview", 1.0)
    return {"field": name, "seconds": round(time.monotonic() - begin, 2), **counts(field)}


def counts(field: OccupancyField) -> dict:
    """{"views_kept", "views_rejected": {filter: count}} of a field that was learned."""
    views = field.provenance["views"]
    return {"views_kept": views["kept"], "views_rejected": views["rejected"]}


def _wanted_types(source: Source, request: LearnRequest) -> list[InteractionType]:
    known = {kind.name: kind for kind in source.types(request.category)}
    for name in request.types or []:
        if name not in known:
            raise NotFound(
                f"The {source.name} source has no type “{name}” of {request.category}; "
                f"the nearest are {', '.join(nearest_names(name, list(known)))}."
            )
    # A type named twice is learned once.
    return [known[name] for name in dict.fromkeys(request.types or known)]


def _with_parts(kinds: list[InteractionType], parts: list[str]) -> list[InteractionType]:
    """Each type, and after it the same at each of the parts."""
    found = {kind.name: kind for whole in kinds for kind in (whole, *(whole.at(part) for part in parts))}
    return list(found.values())


def _learn(
    request: LearnRequest,
    source: Source,
    kinds: list[InteractionType],
    folder: Path,
    engine: Engine,
    ledger: Ledger,
    progress: Progress,
) -> OccupancyField:
    observations = StoredObservations(perceive(request, source, kinds, folder, engine, ledger, progress))
    body, known = open_body(), _with_parts(kinds, request.parts or [])
    return learn_field(
        request.category,
        known,
        observations,
        body=body,
        grid=Grid(resolution=request.resolution),
        provenance={
            # Of a source on disk its kind alone: a field that is passed on tells nobody's folders.
            "source": source.name,
            "types": [kind.name for kind in kinds],
            "views_a_type": request.views,
            "seed": request.seed,
            TYPICAL_POSES: typical_poses(known, observations, body),
        },
        expected=request.views * len(kinds),
        count=spread_count(engine, observations) if engine.remote else None,
        estimator=request.estimator,
        ledger=ledger,
        progress=progress,
    )

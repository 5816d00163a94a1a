"""Learning a field as a job: pictures into a table, chunk by chunk, and the table into a field."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from propfield.body.loaders import open_body
from propfield.errors import NotFound, nearest_names
from propfield.field.file import save_field
from propfield.field.grid import Grid
from propfield.field.learning import learn_field
from propfield.field.occupancy import OccupancyField
from propfield.home import Home
from propfield.imagery.source import Source
from propfield.imagery.sources import source_by_name
from propfield.jobs.requests import LearnRequest
from propfield.library import Library, name_for
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.observations.store import read_observations, write_observations
from propfield.progress import Progress, silent

CHUNK = 100
"""Views a checkpoint; a crash costs at most so many."""


@dataclass(frozen=True)
class _Chunk:
    """Views that are perceived and stored together."""

    path: Path
    kind: InteractionType
    views: int
    seed: int


def learn(
    request: LearnRequest, *, checkpoint: Path | None = None, progress: Progress = silent
) -> OccupancyField:
    """Learns the field that is asked for: source → observations → filters → votes (CHORUS §3).

    Observations are stored under `checkpoint` (a folder; a temporary one when None) in chunks, and what is
    there from an earlier run of the same request is not perceived again: the field is the same, bit for bit.
    NotFound, with the nearest names, for an unknown category or type.
    """
    source = source_by_name(request.source)
    kinds = _wanted_types(source, request)
    if checkpoint is None:
        with tempfile.TemporaryDirectory(prefix="propfield-") as folder:
            return _learn(request, source, kinds, Path(folder), progress)
    return _learn(request, source, kinds, checkpoint, progress)


def learn_into_library(
    request: LearnRequest, home: Home, *, mark: str, checkpoint: Path, progress: Progress
) -> dict:
    """Learns a field into the home folder's library; gives the wire's result of a learn job."""
    begin = time.monotonic()
    field = learn(request, checkpoint=checkpoint, progress=progress)
    progress("write the field", 0.0)
    name = name_for(field.category, mark)
    save_field(field, Library(home.library).new_path(name))
    progress("write the field", 1.0)
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
                f"The {request.source.partition(':')[0]} source has no type “{name}” of {request.category}; "
                f"the nearest are {', '.join(nearest_names(name, list(known)))}."
            )
    # A type named twice is learned once.
    return [known[name] for name in dict.fromkeys(request.types or known)]


def _learn(
    request: LearnRequest, source: Source, kinds: list[InteractionType], folder: Path, progress: Progress
) -> OccupancyField:
    chunks = _plan(request, kinds, folder)
    total = sum(chunk.views for chunk in chunks)
    before = 0
    for chunk in chunks:
        if not chunk.path.is_file():
            _perceive(request, source, chunk, before, total, progress)
        before += chunk.views
    progress("perceive views", 1.0)
    return learn_field(
        request.category,
        kinds,
        chain.from_iterable(read_observations(chunk.path) for chunk in chunks),
        body=open_body(),
        grid=Grid(resolution=request.resolution),
        provenance={
            # Of a source on disk its kind alone: a field that is passed on tells nobody's folders.
            "source": request.source.partition(":")[0],
            "types": [kind.name for kind in kinds],
            "views_a_type": request.views,
            "seed": request.seed,
        },
        expected=total,
        progress=progress,
    )


def _plan(request: LearnRequest, kinds: list[InteractionType], folder: Path) -> list[_Chunk]:
    """The studio makes new pictures for a new seed, so each of its chunks has its own; another source has the
    pictures that it has, which only one call of it tells apart."""
    chunks: list[_Chunk] = []
    size = CHUNK if request.source == "studio" else request.views
    for kind in kinds:
        for number, start in enumerate(range(0, request.views, size)):
            path = folder / f"observations-{len(chunks):05d}.parquet"
            views = min(size, request.views - start)
            chunks.append(_Chunk(path, kind, views, _chunk_seed(request, kind.name, number)))
    return chunks


def _chunk_seed(request: LearnRequest, kind: str, number: int) -> int:
    if request.source != "studio":
        return request.seed
    text = f"{request.seed}/{request.category}/{kind}/{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _perceive(
    request: LearnRequest, source: Source, chunk: _Chunk, before: int, total: int, progress: Progress
) -> None:
    def of_the_whole(stage: str, fraction: float, message: str = "") -> None:
        progress("perceive views", (before + fraction * chunk.views) / total, message or stage)

    def counted() -> Iterator[Observation]:
        views = source.observe(
            request.category,
            types=[chunk.kind.name],
            views=chunk.views,
            seed=chunk.seed,
            progress=of_the_whole,
        )
        for done, observation in enumerate(views, before + 1):
            yield observation
            progress("perceive views", done / total, f"{chunk.kind.name}: view {done} of {total}")

    metadata = {"category": request.category, "type": chunk.kind.name, "seed": chunk.seed}
    write_observations(chunk.path, counted(), metadata)

"""The first half of a learn job: pictures into tables of observations, type by type."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from propfield.engines import Engine
from propfield.imagery.source import Shard, ShardedSource, Source
from propfield.jobs.requests import LearnRequest
from propfield.observations.interaction import InteractionType
from propfield.observations.store import pack, write_observations, write_packed
from propfield.progress import Progress

PERCEIVE = "perceive views"


def perceive(
    request: LearnRequest,
    source: Source,
    kinds: list[InteractionType],
    folder: Path,
    engine: Engine,
    progress: Progress,
) -> list[Path]:
    """The tables of what was seen, under `folder`: of a sharded source one for each type, else one of all.
    What is there from an earlier run is not perceived again."""
    parts = [[kind] for kind in kinds] if isinstance(source, ShardedSource) else [kinds]
    tables = [folder / f"observations-{number:03d}.parquet" for number in range(len(parts))]
    missing = [index for index, table in enumerate(tables) if not table.is_file()]
    done = 1 - len(missing) / len(parts)

    def of_the_whole(stage: str, fraction: float, message: str = "") -> None:
        progress(PERCEIVE, done + (1 - done) * fraction, message or stage)

    wanted = {tables[index]: parts[index] for index in missing}
    if isinstance(source, ShardedSource):
        _by_shards(request, source, wanted, engine, of_the_whole)
    elif wanted:
        _by_source(request, source, wanted, of_the_whole)
    progress(PERCEIVE, 1.0)
    return tables


def _by_shards(
    request: LearnRequest,
    source: ShardedSource,
    wanted: dict[Path, list[InteractionType]],
    engine: Engine,
    progress: Progress,
) -> None:
    """Makes the shards wherever the engine does work, all tables' in one go."""
    shards = {
        table: source.shards(request.category, type_name=kind.name, views=request.views, seed=request.seed)
        for table, (kind,) in wanted.items()
    }
    todo = [shard for own in shards.values() for shard in own]
    total, seen = sum(map(len, todo)), 0

    def tell() -> None:
        progress(PERCEIVE, seen / total, f"{seen} of {total} views of {request.category}")

    def noted(packed: Iterator[bytes], own: list[Shard]) -> Iterator[bytes]:
        nonlocal seen
        for shard, chunk in zip(own, packed, strict=True):
            yield chunk
            seen += len(shard)
            tell()

    # Closed here and now when `progress` raises, so that a cancel leaves no process behind.
    with closing(engine.map(_packed, todo, tell)) as packed:
        for table, own in shards.items():
            chunks = noted(islice(packed, len(own)), list(own))
            write_packed(table, chunks, _metadata(request, source, wanted[table]))


def _by_source(
    request: LearnRequest, source: Source, wanted: dict[Path, list[InteractionType]], progress: Progress
) -> None:
    """Lets the source, which reads what lies on this machine, do it by itself."""
    for table, kinds in wanted.items():
        views = source.observe(
            request.category,
            types=[kind.name for kind in kinds],
            views=request.views,
            seed=request.seed,
            progress=progress,
        )
        most = request.views * len(kinds)
        write_observations(table, islice(views, most), _metadata(request, source, kinds))


def _metadata(request: LearnRequest, source: Source, kinds: list[InteractionType]) -> dict:
    return {
        "source": source.name,
        "category": request.category,
        "types": [kind.name for kind in kinds],
        "seed": request.seed,
    }


def _packed(shard: Shard) -> bytes:
    return pack(shard.observations())

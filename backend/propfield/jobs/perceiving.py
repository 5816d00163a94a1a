"""The first half of a learn job: pictures into tables of observations, type by type."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from propfield.engines import Engine
from propfield.imagery.source import Shard, ShardedSource, Source
from propfield.jobs.requests import LearnRequest
from propfield.ledger import Ledger
from propfield.observations.interaction import InteractionType
from propfield.observations.observation import Observation
from propfield.observations.store import pack, write_observations, write_packed
from propfield.progress import Progress

PERCEIVE = "perceive views"
LEDGER = "ledger.json"


def perceive(
    request: LearnRequest,
    source: Source,
    kinds: list[InteractionType],
    folder: Path,
    engine: Engine,
    ledger: Ledger,
    progress: Progress,
) -> list[Path]:
    """The tables of what was seen, under `folder`: of a sharded source one for each type, else one of all.
    What is there from an earlier run is not perceived again. What was used beside the pictures is in `ledger`
    then, of an earlier run as well: the source enters it, and a file beside the tables keeps it."""
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
        _by_source(request, source, wanted, ledger, of_the_whole)
    elif (folder / LEDGER).is_file():
        ledger.read(folder / LEDGER)
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
    request: LearnRequest,
    source: Source,
    wanted: dict[Path, list[InteractionType]],
    ledger: Ledger,
    progress: Progress,
) -> None:
    """Lets the source, which reads what lies on this machine, do it by itself."""

    def entered(views: Iterable[Observation], table: Path) -> Iterator[Observation]:
        yield from views
        # Before the table is there: whoever finds it finds its ledger too.
        ledger.write(table.parent / LEDGER)

    for table, kinds in wanted.items():
        views = source.observe(
            request.category,
            types=[kind.name for kind in kinds],
            views=request.views,
            seed=request.seed,
            progress=progress,
        )
        most = request.views * len(kinds)
        write_observations(table, entered(islice(views, most), table), _metadata(request, source, kinds))


def _metadata(request: LearnRequest, source: Source, kinds: list[InteractionType]) -> dict:
    return {
        "source": source.name,
        "category": request.category,
        "types": [kind.name for kind in kinds],
        "seed": request.seed,
    }


def _packed(shard: Shard) -> bytes:
    return pack(shard.observations())

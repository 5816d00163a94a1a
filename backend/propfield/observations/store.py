"""Observations on disk: one Parquet table whatever the source, masks as COCO RLE."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32
from pycocotools import mask as coco_mask

from propfield.atomic import replacing
from propfield.errors import NotFound, PropfieldError
from propfield.observations.observation import Camera, Observation

_ROWS_A_GROUP = 256


def _vector(length: int) -> pa.DataType:
    return pa.list_(pa.float32(), length)


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("category", pa.string()),
        ("prompt", pa.string()),
        ("licence", pa.string()),
        ("people", pa.int32()),
        ("objects", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("person_box", _vector(4)),
        ("object_box", _vector(4)),
        ("person_mask", pa.binary()),
        ("object_mask", pa.binary()),
        ("keypoints", _vector(17 * 3)),
        ("pose", _vector(24 * 3)),
        ("shape", _vector(10)),
        ("camera_K", _vector(9)),
        ("camera_R", _vector(9)),
        ("camera_t", _vector(3)),
        ("detection_score", pa.float32()),
    ]
)
"""One row an observation; masks are COCO's compressed run lengths of (height, width)."""


def write_observations(path: Path, observations: Iterable[Observation], metadata: dict[str, Any]) -> int:
    """Streams observations into a Parquet file, whole or not there; gives how many. `metadata` (JSON) tells
    where they are from: source, seed, versions."""
    rows = map(_row, observations)
    return _write(
        path, (_table(some) for some in iter(lambda: list(islice(rows, _ROWS_A_GROUP)), [])), metadata
    )


def write_packed(path: Path, packed: Iterable[bytes], metadata: dict[str, Any]) -> int:
    """`write_observations` of what `pack` gave, without unpacking it."""
    return _write(path, map(_unpacked_table, packed), metadata)


def read_observations(path: Path) -> Iterator[Observation]:
    """Streams the observations of a file, some hundred in memory at a time."""
    with _opened(Path(path)) as table:
        for batch in table.iter_batches(batch_size=_ROWS_A_GROUP):
            yield from map(_observation, batch.to_pylist())


class StoredObservations:
    """The observations of several files, one file after the other, as often as they are asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)

    def __len__(self) -> int:
        """How many there are."""
        lengths = []
        for path in self._paths:
            with _opened(path) as table:
                lengths.append(table.metadata.num_rows)
        return sum(lengths)

    def __iter__(self) -> Iterator[Observation]:
        for path in self._paths:
            yield from read_observations(path)

    def poses(self, prompt: str, most: int) -> Float32[np.ndarray, "N 24 3"]:
        """The poses of the first views of a prompt, without decoding anything else; up to so many."""
        found: list[list[float]] = []
        for path in self._paths:
            with _opened(path) as table:
                for batch in table.iter_batches(batch_size=_ROWS_A_GROUP, columns=["prompt", "pose"]):
                    rows = batch.to_pylist()
                    found += [row["pose"] for row in rows if row["prompt"] == prompt]
                    if len(found) >= most:
                        break
        return np.array(found[:most], np.float32).reshape(-1, 24, 3)

    def packed(self, rows: int) -> Iterator[bytes]:
        """Streams them packed, up to so many together, without decoding their masks."""
        for path in self._paths:
            with _opened(path) as table:
                for batch in table.iter_batches(batch_size=rows):
                    yield _packed_table(pa.Table.from_batches([batch]).replace_schema_metadata())


def pack(observations: Iterable[Observation]) -> bytes:
    """Observations as bytes (an Arrow stream), to be sent to another process or machine."""
    return _packed_table(_table([_row(observation) for observation in observations]))


def unpack(packed: bytes) -> Iterator[Observation]:
    """The observations that `pack` was given."""
    for batch in _unpacked_table(packed).to_batches():
        yield from map(_observation, batch.to_pylist())


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def _packed_table(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked_table(packed: bytes) -> pa.Table:
    return pa.ipc.open_stream(packed).read_all()


def _write(path: Path, tables: Iterable[pa.Table], metadata: dict[str, Any]) -> int:
    schema = SCHEMA.with_metadata({b"propfield": json.dumps(metadata).encode()})
    count, waiting = 0, [_table([])]
    with (
        replacing(Path(path)) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in tables:
            count += len(table)
            waiting.append(table)
            # Small tables together: a row group of its own for each would pack badly.
            if sum(map(len, waiting)) >= _ROWS_A_GROUP:
                writer.write_table(pa.concat_tables(waiting).replace_schema_metadata(schema.metadata))
                waiting = [_table([])]
        writer.write_table(pa.concat_tables(waiting).replace_schema_metadata(schema.metadata))
    return count


def read_metadata(path: Path) -> dict[str, Any]:
    """What `write_observations` was told of where its observations are from."""
    with _opened(Path(path)) as table:
        return json.loads(table.schema_arrow.metadata[b"propfield"])


def _opened(path: Path) -> pq.ParquetFile:
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise PropfieldError(f"{path.name} is not a table of observations, or it was cut short.") from error
    if not table.schema_arrow.equals(SCHEMA):
        table.close()
        raise PropfieldError(f"{path.name} is a table, but not one of propfield's observations.")
    return table


def _encode(mask: np.ndarray) -> bytes:
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]


def _decode(counts: bytes, width: int, height: int) -> np.ndarray:
    return coco_mask.decode({"size": [height, width], "counts": counts}).astype(bool)


def _row(view: Observation) -> dict[str, Any]:
    width, height = view.size
    return {
        "id": view.id,
        "source": view.source,
        "category": view.category,
        "prompt": view.prompt,
        "licence": view.licence,
        "people": view.people,
        "objects": view.objects,
        "width": width,
        "height": height,
        "person_box": view.person_box,
        "object_box": view.object_box,
        "person_mask": _encode(view.person_mask),
        "object_mask": _encode(view.object_mask),
        "keypoints": view.keypoints.ravel(),
        "pose": view.pose.ravel(),
        "shape": view.shape,
        "camera_K": view.camera.K.ravel(),
        "camera_R": view.camera.R.ravel(),
        "camera_t": view.camera.t,
        "detection_score": view.detection_score,
    }


def _observation(row: dict[str, Any]) -> Observation:
    def numbers(name: str, *shape: int) -> np.ndarray:
        return np.asarray(row[name], dtype=np.float32).reshape(shape)

    width, height = row["width"], row["height"]
    return Observation(
        id=row["id"],
        source=row["source"],
        category=row["category"],
        prompt=row["prompt"],
        licence=row["licence"],
        people=row["people"],
        objects=row["objects"],
        person_box=numbers("person_box", 4),
        object_box=numbers("object_box", 4),
        person_mask=_decode(row["person_mask"], width, height),
        object_mask=_decode(row["object_mask"], width, height),
        keypoints=numbers("keypoints", 17, 3),
        pose=numbers("pose", 24, 3),
        shape=numbers("shape", 10),
        camera=Camera(numbers("camera_K", 3, 3), numbers("camera_R", 3, 3), numbers("camera_t", 3)),
        detection_score=row["detection_score"],
    )

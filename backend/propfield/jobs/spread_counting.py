"""Counting of stored observations spread over an engine's machines."""

import pickle
from collections.abc import Callable
from contextlib import closing

import pyarrow as pa

from propfield.engines import Engine
from propfield.field.aggregation import Aggregator
from propfield.field.counting import Count, Counted, CountPlan, count_views
from propfield.observations.store import StoredObservations, unpack

LEAST, MOST = 64, 2048
"""Views of a shard: its counts, which are millions, must be worth sending."""


def spread_count(engine: Engine, observations: StoredObservations, *, shard: int | None = None) -> Count:
    """Counts the observations wherever the engine does work. They are sent packed, `shard` at a time (when
    None by how many there are, up to some thousand), so that the memory of no machine grows with them."""

    def count(plan: CountPlan, tell: Callable[[int], None]) -> Counted:
        rows = shard or min(max(len(observations) // (4 * engine.cores()), LEAST), MOST)
        whole = Counted(plan.aggregator(threads=1).taken())

        def waiting() -> None:
            tell(whole.observed)

        # Closed here and now when `tell` raises, so that a cancel stops the work.
        with closing(engine.map(_count, observations.packed(rows), waiting, shared=[plan])) as parts:
            for part in parts:
                whole.merge(_unpacked(part))
                tell(whole.observed)
        return whole

    return count


_prepared: tuple[str, Aggregator] | None = None
"""The last plan that this process counted by: making an aggregator ready takes as long as counting does."""


def _count(packed: bytes, plan: CountPlan) -> list[tuple[int, bytes]]:
    """Runs on a worker: gives a Counted, packed."""
    global _prepared
    if _prepared is None or _prepared[0] != plan.key:
        # A worker has one core.
        _prepared = plan.key, plan.aggregator(threads=1)
    return _packed(count_views(_prepared[1], unpack(packed)))


def _packed(counted: Counted) -> list[tuple[int, bytes]]:
    """Its parts, each compressed, with their lengths before: most counts are 0 or like their neighbours."""
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(counted, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(head), *(array.raw() for array in arrays)]
    return [(part.nbytes, pa.compress(part, codec="lz4", asbytes=True)) for part in parts]


def _unpacked(packed: list[tuple[int, bytes]]) -> Counted:
    """What our own workers packed; nobody else's bytes come here."""
    head, *arrays = (pa.decompress(part, length, codec="lz4") for length, part in packed)
    return pickle.loads(head, buffers=arrays)

"""How long the engine's steps take, beside the dense baseline's in the same run."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import torch

from propfield.body.loaders import open_body
from propfield.evaluation.bench_inputs import BenchInputs, ReferenceOutputs
from propfield.evaluation.bench_steps import DenseSteps, OwnSteps, Steps
from propfield.field.grid import Grid
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

OFFICIAL = {"weights_s": 30.0, "aggregate_ms_per_view": 15.1, "pose_ms": 31_000.0, "pap_ms": 29_000.0}
"""The official code on 2 CPU cores (papers/chorus-constants.md); measured once, in another run than this."""
POSES = 3
"""Views whose poses are posed and scored."""
DIFFERS = 1e-5
LEAST_TARGET = 0.002
"""Share of a picture that an object must take to be scored at 32 pixels."""

Figures = dict[str, list[float]]
"""Name of a figure → what each repeat took, in the unit that the name ends in."""
A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a version computed, and how long each step took."""

    figures: Figures
    weights: np.ndarray
    votes: np.ndarray
    posed: list[np.ndarray]


def bench(
    inputs: BenchInputs,
    *,
    resolution: int = 48,
    repeats: int = 15,
    baseline_repeats: int = 2,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measures both versions; gives what `propfield bench --json` prints (cli/bench.py tells each key).

    A figure is the least of its repeats: what else the machine does only ever adds. Every other repeat of the
    baseline has one thread, since on a busy machine torch's threads mostly wait for each other. Posing and
    PAP are means over three poses of the least for each; `pap_ms` is a whole image's, posing included, as the
    official figure is.
    """
    grid = Grid(resolution=resolution)
    own, dense = OwnSteps(inputs.views, grid), DenseSteps(inputs.views, grid)
    threads = torch.get_num_threads()
    turns = [1 if turn % 2 else threads for turn in range(baseline_repeats)]
    ours = _measured(own, inputs, grid, [threads] * (1 + repeats), 1, progress, "measure propfield")
    theirs = _measured(dense, inputs, grid, turns, 0, progress, "measure the baseline")
    torch.set_num_threads(threads)
    result: dict[str, Any] = {}
    ratios: dict[str, dict[str, float | None]] = {"baseline": {}, "official": {}}
    for name, official in OFFICIAL.items():
        least, baseline = min(ours.figures[name]), min(theirs.figures[name])
        result[name] = _rounded(least)
        result[f"{name}_baseline"] = _rounded(baseline)
        ratios["baseline"][name] = _rounded(baseline / least)
        # The official figures are of 48³ voxels.
        ratios["official"][name] = _rounded(official / least) if resolution == 48 else None
    if inputs.expected is not None:
        result |= differences(ours, inputs.expected)
        result |= {f"{name}_baseline": value for name, value in differences(theirs, inputs.expected).items()}
    return {
        **result,
        "medians": {
            name + suffix: _rounded(statistics.median(outcome.figures[name]))
            for outcome, suffix in ((ours, ""), (theirs, "_baseline"))
            for name in OFFICIAL
        },
        "ratios": ratios,
        "official": {**OFFICIAL, "note": "the official code on 2 CPU cores at 48³, measured on another run"},
        "inputs": {"views": inputs.told, "resolution": resolution, "body": open_body().name},
        "repeats": {"propfield": repeats, "baseline": baseline_repeats},
        "hardware": hardware(),
    }


def differences(outcome: Outcome, expected: ReferenceOutputs) -> dict[str, Any]:
    """How far a version is from the reference: the largest difference of a weight, and the most voxels of a
    sum of votes, and of a posed field, that differ by more than 1e-5."""
    votes = np.abs(outcome.votes - expected.votes) > DIFFERS
    posed = [
        np.abs(ours - theirs) > DIFFERS for ours, theirs in zip(outcome.posed, expected.posed, strict=True)
    ]
    return {
        "weights_max_abs": float(np.abs(outcome.weights - expected.weights).max()),
        "votes_differing": int(votes.sum(1).max()),
        "posed_differing": max(int(differs.sum()) for differs in posed),
    }


def hardware() -> dict[str, Any]:
    """What figures depend on beside the code."""
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "numba")},
    }


def _measured(
    steps: Steps,
    inputs: BenchInputs,
    grid: Grid,
    turns: list[int],
    warm_ups: int,
    tell: Progress,
    stage: str,
) -> Outcome:
    """Times each step once a turn, with so many threads; the first turns only warm up."""
    views = inputs.views[:POSES]
    scored = [view for view in inputs.views if view.object_mask.mean() > LEAST_TARGET][:POSES]
    total, done = len(turns) * (2 + len(views) + len(scored)), 0

    def timed(work: Callable[[A], T], prepared: Callable[[], A]) -> tuple[T, list[float]]:
        nonlocal done
        taken = []
        for threads in turns:
            torch.set_num_threads(threads)
            tell(stage, done / total)
            given = prepared()
            begin = time.perf_counter()
            outcome = work(given)
            taken.append(time.perf_counter() - begin)
            done += 1
        return outcome, taken[warm_ups:]

    weights, weights_s = timed(lambda _: steps.weights(), lambda: None)
    votes, votes_s = timed(lambda count: count(), lambda: steps.aggregator(weights))
    occupancy = (votes[0] / np.maximum(votes[1], np.float32(1e-7))).reshape(grid.shape)

    def score(view: Observation) -> None:
        steps.scored(steps.posed(occupancy, weights, view), view)

    poses = [timed(partial(steps.posed, occupancy, weights), partial(_same, view)) for view in views]
    scores = [timed(score, partial(_same, view)) for view in scored]
    tell(stage, 1.0)
    figures = {
        "weights_s": weights_s,
        "aggregate_ms_per_view": [1e3 * taken / len(inputs.views) for taken in votes_s],
        "pose_ms": _means([taken for _, taken in poses]),
        "pap_ms": _means([taken for _, taken in scores]),
    }
    return Outcome(figures, steps.dense(weights), votes, [posed for posed, _ in poses])


def _same(value: T) -> T:
    return value


def _means(taken: list[list[float]]) -> list[float]:
    """Milliseconds: the mean over the poses of their least times, of their second least, and so on."""
    return [1e3 * value for value in np.sort(taken, axis=1).mean(0)]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")

"""The studio's views as a real pipeline would have perceived them, for the ablation to learn from."""

import zlib
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from propfield.evaluation.close_ups import SHARE, close_up
from propfield.evaluation.perception_noise import PerceptionNoise, perceived
from propfield.imagery.studio import StudioSource
from propfield.observations.filters import CONFIDENCE, FILTERS, torso_seen
from propfield.observations.observation import Observation
from propfield.progress import Progress, silent

KEYPOINT_FILTER = "torso seen"


@dataclass(frozen=True)
class TrainingViews:
    """Attributes:
    kept: views that pass all filters.
    cut: views that only the keypoint filter rejects.
    """

    kept: tuple[Observation, ...]
    cut: tuple[Observation, ...]

    def share(self, part: float, random: np.random.Generator) -> list[Observation]:
        """A random part of the kept views of each prompt, at least one of each."""
        return [
            view
            for views in _by_prompt(self.kept).values()
            for view in _drawn(views, max(round(part * len(views)), 1), random)
        ]

    def without_keypoint_filter(self, random: np.random.Generator) -> list[Observation]:
        """As many views of each prompt as are kept, drawn from those and the cut ones alike, and all of them
        vouched for, so that learning takes them (CHORUS §4.3)."""
        kept, cut = _by_prompt(self.kept), _by_prompt(self.cut)
        return [
            view if torso_seen(view) else _vouched_for(view)
            for prompt, views in kept.items()
            for view in _drawn([*views, *cut.get(prompt, [])], len(views), random)
        ]


def training_views(
    studio: StudioSource,
    category: str,
    *,
    views: int,
    seed: int,
    noise: PerceptionNoise,
    progress: Progress = silent,
) -> TrainingViews:
    """`views` of each type of a category, some of them cut to close-ups, all with errors of perception; the
    same for the same arguments."""
    kept, cut = [], []
    rendered = studio.observe(category, views=views, seed=seed, progress=progress)
    # Closed here and now when `progress` raises, so that a cancel leaves no process behind.
    with closing(rendered):  # type: ignore[type-var]
        for view in rendered:
            random = np.random.default_rng([seed, zlib.crc32(view.id.encode()), 1])
            seen = perceived(close_up(view, random) if random.random() < SHARE else view, seed, noise)
            failed = [name for name, passes in FILTERS.items() if not passes(seen)]
            if not failed:
                kept.append(seen)
            elif failed == [KEYPOINT_FILTER]:
                cut.append(seen)
    return TrainingViews(tuple(kept), tuple(cut))


def _by_prompt(views: tuple[Observation, ...]) -> dict[str, list[Observation]]:
    prompts: dict[str, list[Observation]] = {}
    for view in views:
        prompts.setdefault(view.prompt, []).append(view)
    return prompts


def _drawn(views: list[Observation], count: int, random: np.random.Generator) -> list[Observation]:
    """So many of the views, in their order."""
    return [views[index] for index in sorted(random.choice(len(views), count, replace=False))]


def _vouched_for(view: Observation) -> Observation:
    """The view with keypoints that the filter believes; learning looks at them for nothing else."""
    width, height = view.size
    keypoints = np.tile(np.array([width / 2, height / 2, CONFIDENCE], np.float32), (17, 1))
    return replace(view, keypoints=keypoints)

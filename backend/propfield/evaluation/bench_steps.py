"""The engine's four steps as `propfield bench` times them: propfield's own, and the dense baseline's."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from propfield.body.loaders import open_body
from propfield.body.skeleton import canonical_pose
from propfield.evaluation import dense_baseline as dense
from propfield.evaluation.pap import image_scores
from propfield.field.aggregation import Aggregator
from propfield.field.grid import Grid
from propfield.field.learning import ALL
from propfield.field.occupancy import OccupancyField, TypeField
from propfield.field.posing import pose_field
from propfield.field.skinning_weights import voxel_weights
from propfield.observations.observation import Observation


@runtime_checkable
class Steps(Protocol):
    """One version of the steps, over the same body, grid and views. `weights` are in a form of its own."""

    def weights(self) -> Any: ...

    def aggregator(self, weights: Any) -> Callable[[], np.ndarray]:
        """Prepares what is prepared once a field; gives what counts all views into the two sums of Eq. 6,
        (2, N)."""
        ...

    def posed(self, occupancy: np.ndarray, weights: Any, view: Observation) -> np.ndarray: ...

    def scored(self, posed: np.ndarray, view: Observation) -> None: ...

    def dense(self, weights: Any) -> np.ndarray:
        """The weights as (N, 24)."""
        ...


class OwnSteps:
    """propfield's own steps."""

    def __init__(self, views: Sequence[Observation], grid: Grid) -> None:
        self._views, self._grid, self._body = views, grid, open_body()

    def weights(self) -> Any:
        return voxel_weights(self._body, self._grid)

    def aggregator(self, weights: Any) -> Callable[[], np.ndarray]:
        aggregator = Aggregator(self._body, self._grid, weights, [ALL])

        def count() -> np.ndarray:
            for view in self._views:
                aggregator.add(view)
            mask, image = aggregator.votes[0].sums()
            return np.stack([aggregator.dense(mask).ravel(), aggregator.dense(image).ravel()])

        return count

    def posed(self, occupancy: np.ndarray, weights: Any, view: Observation) -> np.ndarray:
        kind = TypeField(ALL, occupancy, np.ones(occupancy.shape, np.uint32), 1)
        field = OccupancyField("thing", self._grid, (kind,), weights, self._body, canonical_pose())
        return pose_field(field, ALL.name, view.pose)

    def scored(self, posed: np.ndarray, view: Observation) -> None:
        image_scores(posed, self._grid, view.camera, view.object_mask)

    def dense(self, weights: Any) -> np.ndarray:
        return weights.toarray()


class DenseSteps:
    """The paper's formulas, dense."""

    def __init__(self, views: Sequence[Observation], grid: Grid) -> None:
        self._views, self._grid, self._body = views, grid, open_body()

    def weights(self) -> Any:
        return dense.dense_weights(self._body, self._grid)

    def aggregator(self, weights: Any) -> Callable[[], np.ndarray]:
        return lambda: np.stack(dense.dense_votes(self._views, self._body, self._grid, weights))

    def posed(self, occupancy: np.ndarray, weights: Any, view: Observation) -> np.ndarray:
        return dense.dense_posed(occupancy, self._body, self._grid, view.pose)

    def scored(self, posed: np.ndarray, view: Observation) -> None:
        dense.dense_pap(posed, self._grid, view.camera, view.object_mask)

    def dense(self, weights: Any) -> np.ndarray:
        return weights.numpy()

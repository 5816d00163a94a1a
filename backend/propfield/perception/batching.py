"""Work on many pictures a batch at a time."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_batches(
    work: Callable[[list[Item]], Sequence[Answer]],
    items: Sequence[Item],
    most: int,
    key: Callable[[Item], Hashable] = lambda item: None,
) -> list[Answer]:
    """What `work` gives for all items, in order; it gets at most `most` at once, all of one key. Pictures of
    one size need no padding, so that each gets the same answer as alone."""
    groups: dict[Hashable, list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(key(item), []).append(index)
    answers: dict[int, Answer] = {}
    for group in groups.values():
        for start in range(0, len(group), most):
            chunk = group[start : start + most]
            answers.update(zip(chunk, work([items[index] for index in chunk]), strict=True))
    return [answers[index] for index in range(len(items))]

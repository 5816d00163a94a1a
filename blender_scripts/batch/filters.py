"""Which combinations a spec's `include` and `exclude` leave."""

from fnmatch import fnmatchcase

from .schema import nearest
from .spec import Spec


def wanted(spec: Spec, labels: dict[str, str]) -> bool:
    """Whether the filters leave a combination. A filter by camera or style says nothing of baked fields."""

    def matches(one: dict[str, tuple[str, ...]]) -> bool:
        return all(
            label in labels and any(fnmatchcase(labels[label], pattern) for pattern in patterns)
            for label, patterns in one.items()
        )

    included = [one for one in spec.include if labels.keys() >= one.keys()]
    return (not included or any(map(matches, included))) and not any(map(matches, spec.exclude))


def check_filters(spec: Spec, types: set[str], cameras: list[str]) -> None:
    """BatchError for a filter whose types or cameras match none of those that there are."""
    for group in ("include", "exclude"):
        for index, one in enumerate(getattr(spec, group)):
            for label, names in (("type", sorted(types)), ("camera", cameras)):
                for pattern in one.get(label, ()):
                    if not any(fnmatchcase(name, pattern) for name in names):
                        what = f"no {label} is called “{pattern}”{nearest(pattern, names)}"
                        raise spec.wrong((group, index, label), what)

"""propfield categories"""

from typing import Annotated

import typer

from propfield.cli.output import Json, print_json, print_table


def categories(
    source: Annotated[str, typer.Option(help="studio, coco:FILE or folder:DIR.")] = "studio",
    as_json: Json = False,
) -> None:
    """List what can be learned from a source, and the ways of using each.

    With `--json`: {"categories": [{"name", "types": [{"name", "prompt", "part"}]}]}.
    """
    from propfield.imagery.sources import source_by_name

    provider = source_by_name(source)
    kinds = {name: provider.types(name) for name in provider.categories()}
    if as_json:
        listing = [{"name": name, "types": [vars(kind) for kind in types]} for name, types in kinds.items()]
        print_json({"categories": listing})
        return
    rows = [
        [name if not index else "", kind.name, kind.part or "–", kind.prompt]
        for name, types in kinds.items()
        for index, kind in enumerate(types)
    ]
    print_table(["category", "type", "part", "prompt"], rows)

"""propfield categories, propfield fields"""

from typing import Annotated

import typer

from propfield.cli.output import Json, print_json, print_table
from propfield.cli.serve import Home


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


def fields(home: Home = None, as_json: Json = False) -> None:
    """List the fields in the backend's library.

    With `--json`: {"fields": [{"name", "category", "types", "views", "bytes", "created", "file"}]}.
    """
    from propfield.home import open_home
    from propfield.library import Library

    library = Library(open_home(home).library)
    entries = library.entries()
    if as_json:
        print_json({"fields": [{**vars(entry), "file": str(library.path(entry.name))} for entry in entries]})
    elif not entries:
        print("The library is empty; fields that Blender asks for land here.")
    else:
        print_table(
            ["field", "category", "types", "views", "made"],
            [
                [entry.name, entry.category, ", ".join(entry.types), str(entry.views), entry.created]
                for entry in entries
            ],
        )

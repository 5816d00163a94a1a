"""propfield library list, show, search, tag, rename, import, export, remove, preview"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from propfield.cli.library_make import USE, make
from propfield.cli.output import Json, print_json, print_table
from propfield.cli.serve import Home

if TYPE_CHECKING:
    from propfield.library import Library

app = typer.Typer(
    help="The fields that the backend keeps: find, tag, bring in, take out, and make a starter set.\n\n"
    "They lie in `library` in the home folder, each with its tags and its pictures beside it.",
    no_args_is_help=True,
)

app.command("make")(make)

Name = Annotated[str, typer.Argument(help="Of `propfield library list`.")]
Commercial = Annotated[
    bool, typer.Option("--commercial", help="Only fields all of whose inputs allow commercial use.")
]


@app.command("list")
def list_fields(commercial: Commercial = False, home: Home = None, as_json: Json = False) -> None:
    """List the fields, newest first.

    With `--json`: {"fields": [{"name", "category", "types", "views", "resolution", "estimator", "bytes",
    "created", "tags", "own_tags", "note", "commercial", "licences", "preview", "problem", "file"}]};
    "problem" says why a file cannot be read.
    """
    _show_list(_library(home), "", commercial, as_json)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="Such as: hold right hand.")],
    commercial: Commercial = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Find fields by words of their category, types, body parts, prompts, tags, notes and licences.

    All words must occur; the best come first.

    **Examples**

    - `propfield library search hold "right hand"`

    - `propfield library search worn --commercial`

    With `--json`: as `list`.
    """
    _show_list(_library(home), " ".join(words), commercial, as_json)


@app.command()
def show(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Show one field: what `propfield info` says of its file, and its tags and note.

    With `--json`: an entry of `list`.
    """
    from propfield.cli.info import info

    library = _library(home)
    entry = _with_file(library, library.entry(name))
    if as_json:
        print_json(entry)
        return
    if entry["problem"] is None:
        info(library.path(name), as_json=False)
    else:
        print(entry["problem"])
    print(f"Tags: {', '.join([*entry['tags'], *entry['own_tags']]) or 'none'}")
    if entry["note"]:
        print(f"Note: {entry['note']}")
    if entry["tags_problem"]:
        print(entry["tags_problem"])


@app.command()
def tag(
    name: Name,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag to take away; repeat for more.")] = None,
    note: Annotated[str | None, typer.Option(help="What you want to remember of it.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Give a field tags of your own, take them away, write a note.

    **Example:** `propfield library tag umbrella-3f2a91 rain "scene 12" --note "for the street shots"`

    With `--json`: the entry as it is then.
    """
    library = _library(home)
    taken = [" ".join(each.lower().split()) for each in remove or []]
    own = library.entry(name)["own_tags"] if tags or taken else None
    wanted = None if own is None else [each for each in [*own, *(tags or [])] if each not in taken]
    library.change(name, tags=wanted, note=note)
    _show_entry(library, name, as_json)


@app.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="Small letters, digits, - and _.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Give a field another name; tags and pictures go with it.

    With `--json`: the entry as it is then.
    """
    library = _library(home)
    library.change(name, new_name=new_name)
    _show_entry(library, new_name, as_json)


@app.command("import")
def import_field(
    file: Annotated[Path, typer.Argument(help="A field file.")],
    name: Annotated[
        str | None, typer.Option(help="Its name in the library; after the file's if left out.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Copy a field file into the library, once all of it was read and found whole; draws its pictures.

    With `--json`: its entry.
    """
    from propfield.library.previews import make_previews

    library = _library(home)
    added = library.add(file, name)
    make_previews(library, added)
    _show_entry(library, added, as_json)


@app.command()
def export(
    name: Name,
    out: Annotated[Path, typer.Argument(help="The file to write, NAME.field.npz, or a folder.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Copy a field out of the library.

    With `--json`: {"out"}.
    """
    from propfield.atomic import replacing

    path = _library(home).path(name)
    out = out / path.name if out.is_dir() else out
    with replacing(out) as temporary:
        shutil.copyfile(path, temporary)
    if as_json:
        print_json({"out": str(out)})
    else:
        print(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")


@app.command()
def remove(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Delete a field, its tags and its pictures.

    With `--json`: {"removed"}.
    """
    _library(home).delete(name)
    if as_json:
        print_json({"removed": name})
    else:
        print(f"{name} is removed.")


@app.command()
def preview(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Draw what is missing of a field's pictures: one of the field, one of each of its types.

    With `--json`: {"pictures": [files]}.
    """
    from propfield.library.previews import make_previews

    pictures = list(dict.fromkeys(map(str, make_previews(_library(home), name))))
    if as_json:
        print_json({"pictures": pictures})
    else:
        print("\n".join(pictures))


def _library(home: Path | None) -> "Library":
    from propfield.home import open_home
    from propfield.library import Library

    return Library(open_home(home).library)


def _with_file(library: "Library", entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "file": str(library.path(entry["name"]))}


def _show_list(library: "Library", words: str, commercial: bool, as_json: bool) -> None:
    from propfield.library.catalogue import found

    entries = library.entries()
    wanted = found(entries, words, commercial=commercial)
    if as_json:
        print_json({"fields": [_with_file(library, entry) for entry in wanted]})
    elif not entries:
        print("The library is empty; fields that Blender asks for land here, and `propfield library make`")
        print("makes a starter set.")
    elif not wanted:
        print("No field fits these words.")
    else:
        _table(wanted)


def _show_entry(library: "Library", name: str, as_json: bool) -> None:
    entry = _with_file(library, library.entry(name))
    if as_json:
        print_json(entry)
    else:
        _table([entry])


def _table(entries: list[dict[str, Any]]) -> None:
    rows = [
        [
            entry["name"],
            entry["category"],
            ", ".join(_uses(entry)) or "cannot be read",
            ", ".join([*entry["tags"], *entry["own_tags"]]),
            str(entry["views"]),
            USE[entry["commercial"]],
            entry["created"][:10],
        ]
        for entry in entries
    ]
    print_table(["field", "category", "types", "tags", "views", "commercial use", "made"], rows, whole=(0,))
    for entry in entries:
        for problem in filter(None, (entry["problem"], entry["tags_problem"])):
            print(f"{entry['name']}: {problem}")


def _uses(entry: dict[str, Any]) -> list[str]:
    """Its types; the mix of all only where it is alone."""
    names = [kind["name"] for kind in entry["types"]]
    return names[1:] or names

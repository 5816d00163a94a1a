"""Puts the verbs together, and turns every error into one sentence."""

import json
import os
import sys
import tempfile
import traceback
from concurrent.futures import BrokenExecutor
from types import TracebackType
from typing import Annotated, NoReturn

import typer
import typer.main

from propfield import __version__
from propfield.cli import (
    ablate,
    bench,
    categories,
    check,
    evaluate,
    info,
    learn,
    library,
    place,
    pose,
    providers,
    reconstruct,
    serve,
    weights,
)
from propfield.errors import Cancelled, PropfieldError

app = typer.Typer(
    name="propfield",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `propfield learn umbrella --out umbrella.field.npz`, and open that file in Blender.",
)


def _version(wanted: bool) -> bool:
    if wanted:
        print(f"propfield {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def propfield(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Learns where props belong on a body, as a field that follows the pose.

    `learn` makes a field file from pictures; the Blender add-on opens it, binds it to a character, and
    drives the backend that `serve` starts. `place` puts a prop of yours where a field has it, `reconstruct`
    rebuilds a photo of a person with an object.
    """


app.command("learn")(learn.learn)
app.command("info")(info.info)
app.command("pose")(pose.pose)
app.command("place")(place.place)
app.command("reconstruct")(reconstruct.reconstruct)
app.command("serve")(serve.serve)
app.command("categories")(categories.categories)
app.add_typer(library.app, name="library")
app.command("check")(check.check)
app.command("providers")(providers.providers)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(weights.app, name="weights")
app.command("ablate")(ablate.ablate)
app.command("bench")(bench.bench)


def main() -> NoReturn:
    """The program `propfield`: runs the verb that its arguments name, and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs a verb and gives the exit code. An error is one sentence on stderr, and with --json also an object
    on stdout."""
    as_json = "--json" in arguments
    sys.excepthook = _report_defect
    try:
        # Not app(…), which would put typer's own traceback printer in the place of ours.
        code = typer.main.get_command(app).main(arguments or ["--help"], "propfield", standalone_mode=False)
        if code == Cancelled.exit_code:
            raise KeyboardInterrupt
    except PropfieldError as error:
        return _fail(str(error), error.exit_code, as_json)
    except typer.TyperException as error:
        return _fail(_usage(error), error.exit_code, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("Stopped; nothing was written.", Cancelled.exit_code, as_json)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "propfield"):
            raise
        return _fail(_missing(package), 3, as_json)
    except MemoryError:
        return _fail("Memory ran out; ask for fewer views or a smaller resolution.", 3, as_json)
    except BrokenExecutor:
        from propfield.jobs.processes import HELPER_DIED

        return _fail(HELPER_DIED, 3, as_json)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        return _fail(f"The file{place} cannot be read or written: {error.strerror}.", 3, as_json)
    return code or 0


def _missing(package: str) -> str:
    return (
        f"The Python at {sys.executable} lacks the package {package}: run “make demo” in propfield's source"
        f" folder anew, or install it there with “{sys.executable} -m pip install {package}”."
    )


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "propfield"
    return f"{error.format_message().rstrip('.')} (`{where} --help` shows how)."


def _fail(sentence: str, code: int, as_json: bool) -> int:
    print(f"propfield: {sentence}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    return code


def _report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="propfield-", suffix=".log", delete=False) as log:
        traceback.print_exception(kind, error, trace, file=log)
    sentence = f"This is a defect of propfield ({kind.__name__}); please report it with the file {log.name}."
    _fail(sentence, 1, "--json" in sys.argv)

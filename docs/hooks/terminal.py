"""Writes the page of the terminal's verbs from the program itself, so that it cannot tell of another one."""

import re
from typing import Any

import typer.main

MARK = "<!-- verbs -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """mkdocs' event: puts the verbs where a page asks for them."""
    return markdown.replace(MARK, reference()) if MARK in markdown else markdown


def reference() -> str:
    """Markdown of every verb: what it does, its arguments and options."""
    from propfield.cli.main import app

    program = typer.main.get_command(app)
    return "\n\n".join(_verb(path, command) for path, command in _commands("propfield", program))


def _commands(path: str, command: Any) -> list[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    own = [] if path == "propfield" else [(path, command)]
    return own + [each for name, one in below.items() for each in _commands(f"{path} {name}", one)]


def _verb(path: str, command: Any) -> str:
    parts = [f"{'##' if path.count(' ') == 1 else '###'} {path}", _text(command.help or "")]
    rows = [row for parameter in command.params if (row := _row(parameter))]
    if rows:
        parts.append("\n".join(["| option | what |", "|---|---|", *rows]))
    return "\n\n".join(part for part in parts if part)


def _text(text: str) -> str:
    # Click keeps paragraphs; what stands before a list must be apart from it for Markdown.
    return re.sub(r"(?m)^([^\n-].*)\n(- )", r"\1\n\n\2", re.sub(r"(?m)^ +", "", text)).strip()


def _row(parameter: Any) -> str:
    if getattr(parameter, "hidden", False) or parameter.name == "help":
        return ""
    is_option = parameter.param_type_name == "option"
    name = ", ".join(parameter.opts) if is_option else parameter.name.upper()
    told = (getattr(parameter, "help", "") or "").replace("|", "\\|").replace("\n", " ")
    default = parameter.default
    if parameter.required:
        told += " Needed."
    elif is_option and isinstance(default, str | int | float) and not isinstance(default, bool):
        told += f" `{default}` unless told."
    return f"| `{name}` | {told} |"

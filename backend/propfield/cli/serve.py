"""propfield serve"""

from pathlib import Path
from typing import Annotated

import typer

PORT = 8713

Home = Annotated[
    Path | None,
    typer.Option(help="The home folder; PROPFIELD_HOME or the platform's data folder when left out."),
]


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = PORT,
    home: Home = None,
    host: Annotated[
        str, typer.Option(help="The address of this machine to listen on; any but its own is told of.")
    ] = "127.0.0.1",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Jobs that run at the same time.")] = 1,
    parent_pid: Annotated[
        int | None,
        typer.Option(
            help="Stop when this process, and all that joined it, ended; the add-on gives Blender's."
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="The file to which the output goes: each job gets lines in it, and it stays small."
        ),
    ] = None,
) -> None:
    """Start the backend that the Blender add-on talks to.

    It answers on this machine's own address (127.0.0.1) to programs that know the token in the home folder's
    file `token`. Jobs outlive it: what was running when it stopped is taken up again at its next start.
    Ctrl-C stops it.

    **Example:** `propfield serve --port 8713`
    """
    from propfield.home import open_home
    from propfield.service.serve import serve as serve_home

    serve_home(open_home(home), port, host=host, at_once=at_once, parent_pid=parent_pid, log=log)

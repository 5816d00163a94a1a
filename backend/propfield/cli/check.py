"""propfield check"""

from typing import Annotated

import typer

from propfield.cli.output import Json, print_json, shown_progress


def check(
    megabytes: Annotated[int, typer.Option(min=0, help="Memory to hold meanwhile.")] = 64,
    as_json: Json = False,
) -> None:
    """Check that propfield can work here: device, memory, and which outside parts are installed.

    With `--json`: {"version", "device", "providers"}.
    """
    from propfield import __version__
    from propfield.service.providers import providers

    with shown_progress() as progress:
        from propfield.jobs.check import check as run_check
        from propfield.jobs.requests import CheckRequest

        request = CheckRequest(steps=10, seconds=0.1, megabytes=megabytes)
        result = run_check(request, checkpoint=None, progress=progress)
    device, parts = result["device"], providers()
    if as_json:
        print_json({"version": __version__, "device": device, "providers": parts})
        return
    free = device["memory_free"] / 2**30
    print(f"propfield {__version__} computes on {device['name']} ({device['kind']}), {free:.1f} GiB free")
    able = [part["name"] for part in parts if part["available"]]
    print(f"Can run here: {', '.join(able)}; `propfield providers` tells of all {len(parts)}.")

"""A worker's entry: takes orders as lines of JSON, answers them, and ends with the launcher.

python inside/main.py                                  with the bpy wheel
blender --background --python inside/main.py           with a stock Blender
"""

import json
import os
import sys
import threading
import time
import traceback
import types
from pathlib import Path
from queue import Queue

MARK = b"\x1epropfield "
REPOSITORY = Path(__file__).resolve().parents[3]


def room() -> None:
    """Lets `propfield_addon.scene` be imported: the add-on without its operators, panels and backend."""
    package = types.ModuleType("propfield_addon")
    package.__path__ = [str(REPOSITORY / "addon")]
    sys.modules["propfield_addon"] = package
    sys.path.insert(0, str(REPOSITORY / "blender_scripts"))


def answer(**told: object) -> None:
    """One line, in one write and on a line of its own, whatever Blender prints meanwhile."""
    sys.stdout.flush()
    os.write(1, b"\n" + MARK + json.dumps(told).encode() + b"\n")


def listen(orders: "Queue[dict]") -> None:
    """When the launcher is gone, by whatever end, its pipe closes, and the worker goes too."""
    with os.fdopen(os.dup(0), "rb", buffering=0) as stream:
        pending = b""
        while part := stream.read(65536):
            *lines, pending = (pending + part).split(b"\n")
            for line in lines:
                orders.put(json.loads(line))
    os._exit(0)


def memory() -> int:
    """Bytes that this process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Serves orders until the pipe closes."""
    room()
    import bpy
    from propfield_addon.scene.errors import SceneError

    from batch.inside.frame import Studio
    from batch.inside.look import about, look

    orders: Queue[dict] = Queue()
    threading.Thread(target=listen, args=(orders,), daemon=True).start()
    studio = Studio()
    answer(ready=True, blender=bpy.app.version_string)
    while True:
        order = orders.get()
        begin = time.monotonic()
        try:
            if order["do"] == "about":
                answer(**about())
            elif order["do"] == "look":
                answer(**look(order["blend"]))
            else:
                studio.make(order["work"], order["write"], order["threads"])
                answer(done=True, seconds=time.monotonic() - begin, memory=memory())
        except SceneError as error:
            answer(error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the launcher tries again and tells
            traceback.print_exc()
            said = next(iter(str(error).strip().splitlines()), "").removeprefix("Error: ").rstrip(".")
            answer(error=f"{type(error).__name__}: {said}.", again=True)


if __name__ == "__main__":
    main()

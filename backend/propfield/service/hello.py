"""What the backend says of itself: device, providers, categories."""

import os
import secrets
import threading
import time

from propfield import __version__
from propfield.imagery.catalogue import studio_catalogue
from propfield.jobs.device import Device, find_device, processor
from propfield.service.providers import providers

PROTOCOL = 1
_FRESH = 20.0


class Introduction:
    """Gives /v1/hello its answer. Looking for a GPU takes seconds, so it begins at once and is then repeated
    in the background, for a new figure of the free memory."""

    def __init__(self) -> None:
        self.instance = secrets.token_hex(8)
        self._device: Device | None = None
        self._looked = 0.0
        self._lock = threading.Lock()
        self._found = threading.Event()
        self._look()

    def as_json(self) -> dict:
        """The wire's hello; waits for the first look at the device."""
        self._found.wait(timeout=60)
        return {
            "name": "propfield",
            "version": __version__,
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "instance": self.instance,
            "device": self.device().as_json(),
            "providers": providers(),
            "categories": self.categories(),
        }

    def device(self) -> Device:
        """What the backend computes on, as far as it is known; waits for nothing."""
        if self._device is None or self._device.kind == "cpu":
            return processor()
        if time.monotonic() - self._looked > _FRESH:
            self._look()
        return self._device

    def pulse(self, clients: int) -> dict:
        """The wire's sign of life."""
        return {
            "name": "propfield",
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "instance": self.instance,
            "clients": clients,
            "device": self.device().as_json(),
        }

    def categories(self) -> list[dict]:
        """What the studio can show: [{"name", "types": [{"name", "prompt", "part"}]}]."""
        return [
            {
                "name": name,
                "types": [{"name": kind.name, "prompt": kind.prompt, "part": kind.part} for kind in types],
            }
            for name, types in studio_catalogue().items()
        ]

    def _look(self) -> None:
        with self._lock:
            self._looked = time.monotonic()
        threading.Thread(target=self._find, daemon=True, name="device").start()

    def _find(self) -> None:
        self._device = find_device()
        self._found.set()

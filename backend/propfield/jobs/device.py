"""What the backend computes on, found without loading torch into the process that asks."""

import json
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Device:
    """Attributes: kind ("cpu" or "cuda"), its name, memory_free in bytes (the machine's, or the GPU's)."""

    kind: str
    name: str
    memory_free: int

    def as_json(self) -> dict:
        return asdict(self)


def processor() -> Device:
    """The machine's own processor."""
    return Device("cpu", _processor_name(), int(psutil.virtual_memory().available))


def working_device() -> Device:
    """What a job's own process computes on; loads torch only where there is an NVIDIA driver."""
    return torch_device() if _has_driver() else processor()


def find_device(timeout: float = 60.0) -> Device:
    """The GPU that torch can use, else the processor.

    Takes seconds where there is an NVIDIA driver (a process of its own asks torch, so that the service
    holds no GPU memory), and nothing elsewhere.
    """
    if not _has_driver():
        return processor()
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "propfield.jobs.device"],
            capture_output=True,
            timeout=timeout,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        found = json.loads(answer.stdout)
        return Device(found["kind"], found["name"], found["memory_free"])
    except (subprocess.SubprocessError, OSError, ValueError, KeyError):
        # A driver that torch cannot talk to is as good as none: work goes on, on the processor.
        return processor()


def torch_device() -> Device:
    """The device as torch sees it; loads torch."""
    import torch

    if not torch.cuda.is_available():
        return processor()
    free, _ = torch.cuda.mem_get_info()
    return Device("cuda", torch.cuda.get_device_name(), int(free))


def _has_driver() -> bool:
    if sys.platform == "win32":
        return Path(r"C:\Windows\System32\nvcuda.dll").exists()
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


@cache
def _processor_name() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    print(json.dumps(torch_device().as_json()))

"""Says which system libraries Blender's Python module needs and this machine lacks.

Run before anything imports bpy: a missing library is an ImportError that names a file, and without libEGL the
whole process aborts.
"""

import ctypes
import sys

# Library → Debian package. bpy links the first seven; Workbench and EEVEE load libEGL, MediaPipe libGLESv2.
LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libglib-2.0.so.0": "libglib2.0-0",
}


def missing_packages() -> list[str]:
    """Debian packages of the libraries that cannot be loaded here."""
    missing = []
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return missing


def main() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    missing = missing_packages()
    if missing:
        print(
            "Blender's Python module needs system libraries that are not here. On Debian or Ubuntu:\n"
            f"  sudo apt-get install --no-install-recommends {' '.join(missing)}",
            file=sys.stderr,
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

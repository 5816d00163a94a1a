"""Writes ONNX networks that answer with constants, byte by byte: the onnx package is not needed for that.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from pathlib import Path

import numpy as np


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, 1) + _bytes(8, name) + _bytes(9, array.astype("<f4").tobytes())


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    dims = b"".join(
        _bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    tensor = _number(1, 1) + _bytes(2, dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def write_constant_network(
    path: Path,
    frame: tuple[int | str, ...],
    outputs: list[np.ndarray],
    metadata: dict[str, str] | None = None,
) -> Path:
    """A network of one input (1, 3, *frame) that always gives `outputs`; words in `frame` are free sizes."""
    graph = _bytes(2, "constant") + _bytes(11, _value("images", (1, 3, *frame)))
    for index, array in enumerate(outputs):
        node = _bytes(1, f"stored{index}") + _bytes(2, f"output{index}") + _bytes(4, "Identity")
        graph += _bytes(1, node) + _bytes(5, _tensor(f"stored{index}", array))
        graph += _bytes(12, _value(f"output{index}", array.shape))
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
    for key, value in (metadata or {}).items():
        model += _bytes(14, _bytes(1, key) + _bytes(2, value))
    path.write_bytes(model)
    return path

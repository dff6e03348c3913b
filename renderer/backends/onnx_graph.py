"""Reads what is needed of an ONNX model's graph without the onnx package: Protocol Buffers are tags and values."""

from __future__ import annotations

from collections.abc import Iterator

GRAPH = 7  # ModelProto
NODE = 1  # GraphProto
NODE_OUTPUT, NODE_OPERATOR = 2, 4  # NodeProto
VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5


def outputs_of(model: bytes, operator: str) -> list[str]:
    """Return the first output of every node that does `operator`, such as `Ceil`, in the order of the graph."""
    found = []
    for graph in _bodies(memoryview(model), GRAPH):
        for node in _bodies(graph, NODE):
            if [bytes(name) for name in _bodies(node, NODE_OPERATOR)] == [operator.encode()]:
                found += [bytes(name).decode() for name in _bodies(node, NODE_OUTPUT)][:1]
    return found


def _bodies(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the bodies of all fields of that number that have a length."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == LENGTH:
            length, at = _varint(message, at)
            if field == wanted:
                yield message[at : at + length]
            at += length
        elif kind == VARINT:
            _, at = _varint(message, at)
        else:
            at += {FIXED_64: 8, FIXED_32: 4}[kind]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7

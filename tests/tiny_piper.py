"""Writes a voice with the shape of Piper's: an ONNX graph of some kilobytes, its config, and a Kokoro-shaped one."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

FLOAT, INT64 = 1, 7  # TensorProto.DataType
HOP = 256
RATE = 22_050
SYMBOLS = "_^$ !,.:;?abcdefhijklmnopqrstuvwxyzæçðøŋœɐɑɒɔəɚɛɜɡɪɫɹɾʁʃʊʌʏʒʔˈˌːθᵻ\u0303\u0329"


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def part(field: int, body: bytes | str | int) -> bytes:
    if isinstance(body, int):
        return varint(field << 3) + varint(body)
    body = body.encode() if isinstance(body, str) else body
    return varint(field << 3 | 2) + varint(len(body)) + body


def node(operator: str, inputs: str, output: str, **attributes: int) -> bytes:
    body = b"".join(part(1, name) for name in inputs.split()) + part(2, output) + part(4, operator)
    for name, value in attributes.items():
        body += part(5, part(1, name) + part(3, value) + part(20, 2))  # an integer
    return part(1, body)


def constant(name: str, array: np.ndarray) -> bytes:
    kind = FLOAT if array.dtype == np.float32 else INT64
    dims = b"".join(part(1, size) for size in array.shape)
    return part(5, dims + part(2, kind) + part(8, name) + part(9, array.tobytes()))


def value(field: int, name: str, kind: int, *sizes: int | str) -> bytes:
    dims = b"".join(part(1, part(1, size) if isinstance(size, int) else part(2, size)) for size in sizes)
    return part(field, part(1, name) + part(2, part(1, part(1, kind) + part(2, dims))))


def model(*graph: bytes) -> bytes:
    return part(1, 8) + part(8, part(1, "") + part(2, 17)) + part(7, part(2, "tiny") + b"".join(graph))


def piper_model(*, rounds: bool = True, speakers: bool = False) -> bytes:
    """Return a model whose phoneme number n lasts ceil(n / 16) + 1 frames of a noisy tone; `rounds` by the node Ceil."""
    up = (
        [node("Ceil", "few", "w_ceil")]
        if rounds
        else [node("Add", "few half", "near"), node("Round", "near", "w_ceil")]
    )
    return model(
        node("Cast", "input", "numbers", to=FLOAT),
        node("Div", "numbers sixteen", "parts"),
        node("Add", "parts one", "few"),
        *up,
        node("ReduceSum", "w_ceil", "frames", keepdims=0),
        node("Mul", "frames hop", "length"),
        node("Range", "zero length one", "steps"),
        node("Mul", "steps pitch", "phase"),
        node("Sin", "phase", "tone"),
        node("RandomNormalLike", "tone", "noise"),
        node("Gather", f"scales {'sid' if speakers else 'first'}", "noise_scale"),
        node("Mul", "noise noise_scale", "some"),
        node("Mul", "some tenth", "hiss"),
        node("Add", "tone hiss", "loud"),
        node("Mul", "loud tenth", "flat"),
        node("Reshape", "flat shape", "output"),
        *(constant(name, np.array(number, np.float32)) for name, number in (
            ("sixteen", 16), ("one", 1), ("half", 0.49), ("hop", HOP), ("zero", 0), ("pitch", 0.1), ("tenth", 0.1))),
        constant("first", np.array(0, np.int64)),
        constant("shape", np.array([1, 1, 1, -1], np.int64)),
        value(11, "input", INT64, "batch", "phonemes"),
        value(11, "input_lengths", INT64, "batch"),
        value(11, "scales", FLOAT, 3),
        *([value(11, "sid", INT64, "batch")] if speakers else []),
        value(12, "output", FLOAT, "batch", 1, 1, "time"),
    )  # fmt: skip


def kokoro_model() -> bytes:
    """Return a model of tokens, style and speed that hums for 600 samples a token, as loud as its style says."""
    return model(
        node("Shape", "input_ids", "size"),
        node("Gather", "size last", "count"),
        node("Cast", "count", "tokens", to=FLOAT),
        node("Mul", "tokens hop", "length"),
        node("Range", "zero length one", "steps"),
        node("Mul", "steps pitch", "phase"),
        node("Sin", "phase", "tone"),
        node("ReduceMean", "style", "volume", keepdims=0),
        node("Mul", "tone volume", "waveform"),
        *(constant(name, np.array(number, np.float32)) for name, number in (
            ("hop", 600), ("zero", 0), ("one", 1), ("pitch", 0.1))),
        constant("last", np.array(1, np.int64)),
        value(11, "input_ids", INT64, 1, "tokens"),
        value(11, "style", FLOAT, 1, 256),
        value(11, "speed", FLOAT, 1),
        value(12, "waveform", FLOAT, "time"),
    )  # fmt: skip


def piper_config(**changes: object) -> dict[str, object]:
    return {
        "audio": {"sample_rate": RATE, "quality": "medium"},
        "espeak": {"voice": "de"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(SYMBOLS)},
        "num_speakers": 1,
        **changes,
    }


def write_piper(
    folder: Path, name: str = "de_DE-tiny-medium", *, rounds: bool = True, speakers: bool = False, **changes: object
) -> Path:
    """Write a voice as people download it and return its model."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(piper_model(rounds=rounds, speakers=speakers))
    path.with_name(f"{path.name}.json").write_text(json.dumps(piper_config(**changes)), encoding="utf-8")
    return path


def write_kokoro(folder: Path, style: str = "df_own", volume: float = 0.2) -> None:
    (folder / "kokoro").mkdir(parents=True, exist_ok=True)
    (folder / "kokoro" / "model.onnx").write_bytes(kokoro_model())
    (folder / "kokoro" / f"{style}.bin").write_bytes(struct.pack("<f", volume) * 510 * 256)

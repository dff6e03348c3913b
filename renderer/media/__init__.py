"""Reads and writes pictures that move and sound: takes, creatives, WAV files, moviepy clips."""

from renderer.media.clips import as_clip, write_clip
from renderer.media.creatives import (
    Encoding,
    Stretch,
    copies,
    drawn,
    join,
    open_encoder,
    write_creative,
    write_picture,
)
from renderer.media.files import open_video
from renderer.media.planes import Frames, Planes, to_planes, to_rgb
from renderer.media.sounds import (
    SOUND_BIT_RATE,
    SOUND_RATE,
    Packets,
    at_tempo,
    encode_sound,
    read_sound,
    read_stereo,
    read_wav,
    write_wav,
)
from renderer.media.takes import TAKE_THREADS, read_take, write_take

__all__ = [
    "SOUND_BIT_RATE",
    "SOUND_RATE",
    "TAKE_THREADS",
    "Encoding",
    "Frames",
    "Packets",
    "Planes",
    "Stretch",
    "as_clip",
    "at_tempo",
    "copies",
    "drawn",
    "encode_sound",
    "join",
    "open_encoder",
    "open_video",
    "read_sound",
    "read_stereo",
    "read_take",
    "read_wav",
    "to_planes",
    "to_rgb",
    "write_clip",
    "write_creative",
    "write_picture",
    "write_take",
    "write_wav",
]

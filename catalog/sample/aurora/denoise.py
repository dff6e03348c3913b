"""Removes the render noise from one picture that packshots.py left as raw floats.

    python denoise.py FOLDER WIDTH HEIGHT

FOLDER holds color, albedo and normal (.raw, RGBA float32, linear, alpha
multiplied in); writes clean.raw. Needs the package pyoidn. It is a program of
its own because the denoiser's libraries and Blender's do not share a process.
"""

import sys
from pathlib import Path

import numpy
import pyoidn


def main() -> None:
    """Reads the layers of one picture and writes the clean one."""
    folder, width, height = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    color, albedo, normal = (
        numpy.fromfile(folder / f"{name}.raw", numpy.float32).reshape(height, width, 4)
        for name in ("color", "albedo", "normal")
    )
    guides = {"albedo": albedo[..., :3].copy(), "normal": normal[..., :3].copy()}
    cover = color[..., 3]
    clean = color.copy()
    clean[..., :3] = pyoidn.denoise(color[..., :3].copy(), hdr=True, **guides)
    smooth = pyoidn.denoise(numpy.repeat(color[..., 3:], 3, axis=2), **guides)[..., 0]
    # Only glass has noise in its transparency; full and empty stay exact.
    clean[..., 3] = numpy.where((cover > 0.001) & (cover < 0.999), numpy.clip(smooth, 0, 1), cover)
    clean[cover <= 0.001] = 0
    clean.tofile(folder / "clean.raw")


if __name__ == "__main__":
    main()

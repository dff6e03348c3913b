"""Loud and clear: heavy capitals that slam in, a tilted ticket on which the price drops."""

from renderer.picture.motion import CubicBezier, Motion, Spring
from renderer.picture.styles.style import Backing, Plate, Style

SLAM = CubicBezier(0.2, 0.0, 0.0, 1.0)

RETAIL = Style(
    name="retail",
    family="Archivo",
    weight="black",
    tracking=-0.02,
    word_spacing=0.09,
    is_uppercase=True,
    scale=1.08,
    badge=Plate("ticket", fill="paper", radius_px=20, tilt_deg=5),
    button=Plate("rounded", radius_px=16),
    end_fill="accent",
    backing=Backing("wall", ("accent", "ink")),
    text_motion=Motion(frames=10, curve=SLAM, scale_from=1.3, opaque_at=0.3),
    plate_motion=Motion(frames=20, curve=Spring(damping=0.42, swings=1.8), scale_from=0.3, opaque_at=0.15),
    headline_by="word",
    line_stagger=3,
    block_stagger=3,
    exit_frames=4,
    price_drops=True,
    transition="flash",
    cuts_on_beat=True,
)

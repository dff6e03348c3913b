"""Precise: a grotesk that slides in from the margin, cut corners, an exact line above it."""

from renderer.picture.motion import CubicBezier, Motion
from renderer.picture.styles.style import Backing, Plate, Style

SNAP = CubicBezier(0.05, 0.7, 0.1, 1.0)

TECH = Style(
    name="tech",
    family="Space Grotesk",
    tracking=-0.03,
    scale=0.96,
    subline_tracking=0.08,
    subline_is_uppercase=True,
    align="start",
    rule_px=(210, 4),
    badge=Plate("chamfer", fill="ink", border="accent", border_px=4),
    button=Plate("chamfer"),
    gloss=0.32,
    backing=Backing("brackets", ("accent", "paper")),
    text_motion=Motion(frames=14, curve=SNAP, dx_px=-120, opaque_at=0.4),
    plate_motion=Motion(frames=14, curve=SNAP, dx_px=-80, opaque_at=0.4),
    line_stagger=2,
    block_stagger=4,
    exit_frames=4,
    price_drops=True,
    transition="wipe",
    cuts_on_beat=True,
)

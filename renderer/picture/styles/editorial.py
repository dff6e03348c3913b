"""A page of a magazine: a serif that begins at the margin under a short line, calm motion, square corners."""

from renderer.picture.motion import CubicBezier, Motion
from renderer.picture.styles.style import Backing, Plate, Style

SETTLE = CubicBezier(0.16, 1.0, 0.3, 1.0)  # "expo out": nearly there at once, then long at rest

EDITORIAL = Style(
    name="editorial",
    family="Playfair Display",
    tracking=-0.015,
    scale=1.06,
    align="start",
    rule_px=(96, 7),
    badge=Plate("block"),
    button=Plate("block", fill="paper"),
    end_fill="paper",
    backing=Backing("arch", ("paper", "ink")),
    text_motion=Motion(frames=22, curve=SETTLE, dy_px=46, opaque_at=0.35),
    plate_motion=Motion(frames=20, curve=SETTLE, dy_px=26, opaque_at=0.35),
    line_stagger=5,
    block_stagger=7,
    cuts_on_beat=True,
)

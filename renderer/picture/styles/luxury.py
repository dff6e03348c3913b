"""Little, and slowly: a light serif with air between its capitals, hairlines, nothing that jumps."""

from renderer.picture.motion import CubicBezier, Motion
from renderer.picture.styles.style import Plate, Style

BREATHE = CubicBezier(0.33, 0.0, 0.2, 1.0)

LUXURY = Style(
    name="luxury",
    family="Cormorant Garamond",
    weight="medium",
    tracking=0.06,
    is_uppercase=True,
    scale=0.84,
    subline_tracking=0.12,
    subline_is_uppercase=True,
    badge=Plate("block", fill="ink", border="accent", border_px=2.5),
    button=Plate("block", fill="ink", border="accent", border_px=2.5),
    gloss=0.4,
    hairline="accent",
    text_motion=Motion(frames=30, curve=BREATHE, scale_from=0.97, opaque_at=0.9),
    plate_motion=Motion(frames=30, curve=BREATHE, opaque_at=0.9),
    line_stagger=6,
    block_stagger=9,
    exit_frames=10,
    transition="dip",
    cuts_on_beat=True,
)

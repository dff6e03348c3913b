"""Round and bouncing: soft letters on springs, a biscuit for the price, a little askew."""

from renderer.picture.motion import Motion, Spring
from renderer.picture.styles.style import Backing, Plate, Style

BOUNCE = Spring(damping=0.45, swings=1.5)

PLAYFUL = Style(
    name="playful",
    family="Fredoka",
    tracking=0.0,
    scale=1.1,
    badge=Plate("scallop", tilt_deg=6),
    button=Plate("rounded"),
    end_fill="accent",
    backing=Backing("disc", ("paper", "ink")),
    text_motion=Motion(frames=24, curve=BOUNCE, dy_px=70, scale_from=0.7, opaque_at=0.2),
    plate_motion=Motion(frames=26, curve=Spring(damping=0.35, swings=2.0), scale_from=0.2, opaque_at=0.1),
    headline_by="word",
    line_stagger=4,
    block_stagger=5,
    exit_frames=5,
    price_drops=True,
    transition="wipe",
    cuts_on_beat=True,
)

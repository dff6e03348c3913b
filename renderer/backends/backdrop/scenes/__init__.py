"""The scenes that `backdrop` learned from: pure functions that draw any place of a clip at any time, in batches."""

from __future__ import annotations

from collections.abc import Callable

from renderer.backends.backdrop.scenes.air import clouds, mist, water
from renderer.backends.backdrop.scenes.cloth import silk
from renderer.backends.backdrop.scenes.falling import confetti, petals, snow
from renderer.backends.backdrop.scenes.field import Field, Layers
from renderer.backends.backdrop.scenes.lights import bokeh, city_lights, neon, sunbeams
from renderer.backends.backdrop.scenes.staged import leaf_shadow, ribbons, studio
from renderer.backends.backdrop.scenes.stone import marble, sand

SCENE_FUNCTIONS: dict[str, Callable[[Field], Layers]] = {
    "silk": silk,
    "ribbons": ribbons,
    "studio": studio,
    "leaf_shadow": leaf_shadow,
    "bokeh": bokeh,
    "city_lights": city_lights,
    "neon": neon,
    "sunbeams": sunbeams,
    "petals": petals,
    "snow": snow,
    "confetti": confetti,
    "mist": mist,
    "water": water,
    "clouds": clouds,
    "sand": sand,
    "marble": marble,
}

"""The finished words of one ad: what a campaign says for one product, locale, format and axis values."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from catalog.campaign import Captions, Look, Music, Restyle, StyleName
from catalog.products import MoreImage


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scene(_Frozen):
    """One scene of one variant, every string rendered. Empty strings are not shown or spoken."""

    id: str
    duration_s: float
    look: Look
    prompt: str
    negative_prompt: str
    shared_prompt: str = ""  # of the steps that variants share, where the tier has some
    product: Literal["composite", "in_shot", "in_place", "none"]
    images: Literal["first", "sequence"] = "first"
    continues: str = ""  # an earlier scene of the variant
    restyle: Restyle | None = None
    ends_on: str = ""  # in a run: SHA-256 of a picture in the store
    upscale: int = 1  # times the model's own size
    sound: bool = False  # the model's own, to the picture
    headline: str
    subline: str
    badge: str
    badge_was: str  # the former price, shown struck through beside the badge
    narration: str  # may carry U+FFF9 shown U+FFFA spoken U+FFFB
    narration_short: str = ""  # said where the narration does not fit the scene


class EndCard(_Frozen):
    """The last seconds: brand, call to action, legal line."""

    duration_s: float
    headline: str
    cta: str
    legal: str
    narration: str
    narration_short: str = ""
    qr: str = ""  # a web address


class Variant(_Frozen):
    """One ad to be made: product x locale x format x axes of one campaign."""

    id: str  # aurora_launch/aur-bottle-750/de-DE/story_9x16 plus axis values
    campaign: str
    product_id: str
    title: str = ""  # of the product, as its locale writes it
    locale: str
    format: str
    axes: dict[str, str]
    image_sha256: str
    has_cutout: bool
    more_images: tuple[MoreImage, ...] = ()  # where a scene shows them
    price: str  # as shown to this locale
    sale_price: str  # as shown, or empty
    scenes: tuple[Scene, ...]
    end_card: EndCard | None
    music: Music
    style: StyleName = "classic"
    captions: Captions = Captions()  # not burned in where the format wants none

    @property
    def speaks(self) -> bool:
        """Tell whether anything is said."""
        ending = self.end_card.narration if self.end_card else ""
        return any(text.strip() for text in (*(scene.narration for scene in self.scenes), ending))


class Refusal(_Frozen):
    """A variant that was asked for and cannot be made, and the sentence that says why."""

    variant_id: str
    product_id: str
    locale: str
    format: str
    reason: str

"""Renders one campaign for every product, locale, format and axis value."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from catalog.campaign import Look, Music


class Scene(BaseModel):
    """One scene of one variant, every string rendered. Empty strings are not shown or spoken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    duration_s: float
    look: Look
    prompt: str
    negative_prompt: str
    product: Literal["composite", "in_shot", "none"]
    headline: str
    subline: str
    badge: str
    badge_was: str  # the former price, shown struck through beside the badge
    narration: str  # may carry U+FFF9 shown U+FFFA spoken U+FFFB


class EndCard(BaseModel):
    """The last seconds: brand, call to action, legal line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duration_s: float
    headline: str
    cta: str
    legal: str
    narration: str


class Variant(BaseModel):
    """One ad to be made: product x locale x format x axes of one campaign."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str  # aurora_launch/aur-bottle-750/de-DE/story_9x16 plus axis values
    campaign: str
    product_id: str
    locale: str
    format: str
    axes: dict[str, str]
    image_sha256: str
    has_cutout: bool
    price: str  # as shown to this locale
    sale_price: str  # as shown, or empty
    scenes: tuple[Scene, ...]
    end_card: EndCard | None
    music: Music

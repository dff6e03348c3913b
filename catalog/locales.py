"""Reads locales: language tag, direction, currency, number style, voice, fonts, legal line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class CaptionRules(BaseModel):
    """How much text a viewer of this language reads. Source and date stand in locales.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_chars_per_line: int
    max_lines: int
    max_chars_per_s: float


class SpokenMoney(BaseModel):
    """How an amount is read aloud: Jinja strings over `whole`, `minor` (spelled out), `amount`, `currency`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    whole: str
    with_minor: str


class Locale(BaseModel):
    """One language and region to speak to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str  # BCP 47, such as de-CH
    name: str  # the language's own name for itself
    currency: str  # ISO 4217
    direction: Literal["ltr", "rtl"]
    voice: str  # a row of the voice table, "<engine>:<voice>"
    number_style: str  # CLDR locale that Babel formats with, such as de_CH
    fonts: tuple[str, ...]  # families, first that has the glyph wins
    legal_line: str
    captions: CaptionRules
    spoken_money: SpokenMoney

    @property
    def language(self) -> str:
        """The primary language subtag: `de` of `de-CH`."""
        return self.tag.split("-")[0]

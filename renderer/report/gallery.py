"""Writes one page that shows the finished ads: self-contained, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from renderer.report.webfont import font_faces
from renderer.run_records import DeliveredCreative, RunReport

PAGE = Path(__file__).with_name("gallery.html")


@dataclass(frozen=True)
class Card:
    """One ad on the page: local paths relative to the page, its headline, its language and reading direction."""

    creative: DeliveredCreative
    video: str
    poster: str
    webvtt: str  # the text itself: a page opened from disk may not fetch a captions file
    srt: str
    headline: str
    language: str
    direction: str


def page(report: RunReport, cards: Sequence[Card]) -> str:
    """Return the whole page as HTML."""
    letters = font_faces(text for card in cards for text in (card.headline, card.language))
    html = PAGE.read_text(encoding="utf-8").replace("$letters", letters)
    title = report.campaign.replace("_", " ").replace("-", " ").capitalize()
    return Template(html).substitute(
        policy=policy(html),
        title=escape(title),
        subtitle=escape(f"Run {report.run_id}, made with {report.named}"),
        numbers=_numbers(report),
        filters="".join(_filters(cards)),
        sections="".join(_sections(cards)),
        remarks=_remarks(report),
        footer=escape("Captions are part of each picture; the player's own captions menu shows them as text."),
    )


def policy(html: str, *more: str) -> str:
    """Return a content policy that lets exactly the page's own style and script through, and media beside it."""
    own = [f"{tag}-src {_hash(html, tag)}" for tag in ("style", "script")]
    media = ["img-src 'self' file:", "media-src 'self' file: data:", "font-src data:"]
    return "; ".join(["default-src 'none'", *own, *media, "base-uri 'none'", "form-action 'none'", *more])


def _hash(html: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    content = found.group(1) if found else ""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _numbers(report: RunReport) -> str:
    rows = [
        (f"{report.delivered} of {report.requested}", "ads delivered", False),
        (str(report.shots), f"shots, {report.shots_cached} reused", False),
        (f"{sum(report.seconds.values()):.0f} s", "of work", False),
        (str(len(report.waiting)), "wait for review", False),
        (str(len(report.rejected)), "rejected", True),
        (str(len(report.failed)), "failed", True),
    ]
    kept = [row for row in rows if row[0] != "0"]
    return "".join(f"<li{' class=bad' * bad}><b>{escape(number)}</b>{escape(what)}</li>" for number, what, bad in kept)


def _filters(cards: Sequence[Card]) -> Iterable[str]:
    languages = {card.creative.locale: card.language for card in cards}
    formats = {card.creative.format: _format_name(card.creative.format) for card in cards}
    names: Mapping[str, Mapping[str, str]] = {"locale": languages, "format": formats}
    for field in ("product", "locale", "format"):
        values = list(dict.fromkeys(str(getattr(card.creative, field)) for card in cards))
        if len(values) > 1:
            yield f"<fieldset><legend>{field.capitalize()}</legend>{_choice(field, '', 'all')}"
            yield from (_choice(field, value, names.get(field, {}).get(value, value)) for value in values)
            yield "</fieldset>"


def _choice(field: str, value: str, text: str) -> str:
    checked = "" if value else " checked"
    return (
        f'<label><input type="radio" name="{field}" value="{escape(value)}"{checked}>'
        f'<span dir="auto">{escape(text)}</span></label>'
    )


def _sections(cards: Sequence[Card]) -> Iterable[str]:
    ordered = sorted(cards, key=lambda card: (card.creative.height * -1, card.creative.format, card.creative.variant))
    for name, group in groupby(ordered, key=lambda card: card.creative.format):
        members = list(group)
        one = members[0].creative
        shape = "tall" if one.width < one.height * 0.7 else "even" if one.width < one.height * 1.3 else "wide"
        yield f"<section><h2>{escape(_format_name(name))}<small>{one.width} × {one.height}</small></h2>"
        yield f'<div class="grid {shape}">{"".join(map(_figure, members))}</div></section>'


def _format_name(name: str) -> str:
    """Return `Story 9:16` for `story_9x16`."""
    return re.sub(r"(\d+)x(\d+)", r"\1:\2", name).replace("_", " ").capitalize()


def _figure(card: Card) -> str:
    ad = card.creative
    captions = f"data:text/vtt;base64,{base64.b64encode(card.webvtt.encode()).decode()}"
    facts = f"{ad.duration_s:.1f} s · {ad.loudness_lufs:.1f} LUFS"
    data = "".join(f' data-{name}="{escape(str(getattr(ad, name)))}"' for name in ("product", "locale", "format"))
    return (
        f"<figure{data}><div>"
        f'<video src="{escape(card.video)}" poster="{escape(card.poster)}" width="{ad.width}" height="{ad.height}"'
        f' controls playsinline preload="none" aria-label="{escape(ad.variant)}">'
        f'<track kind="captions" srclang="{escape(ad.locale)}" label="{escape(card.language)}" src="{captions}">'
        "</video></div>"
        f'<figcaption><b lang="{escape(ad.locale)}" dir="{card.direction}">{escape(card.headline)}</b>'
        f"<small><bdi>{escape(card.language)}</bdi> · {escape(ad.product)}</small>"
        f'<small>{escape(facts)} · <a href="{escape(card.srt)}" download>captions</a></small></figcaption></figure>'
    )


def _remarks(report: RunReport) -> str:
    groups = {
        "Wait for review": [f"{one.variant}: {one.reason}" for one in report.waiting],
        "Rejected": [f"{one.variant}: {one.reason}" for one in report.rejected],
        "Failed": [f"{one.variant}: {one.reason}" for one in report.failed],
        "Problems in feeds and copy": list(report.problems),
        "Warnings": [f"{ad.variant}: {warning}" for ad in report.creatives for warning in ad.warnings],
    }
    return "".join(
        f"<details><summary>{title} ({len(lines)})</summary><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}"
        "</ul></details>"
        for title, lines in groups.items()
        if lines
    )

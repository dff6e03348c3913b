"""Whatever people write, an ad is laid out readably or refused in one sentence: never a crash, an overlap, a cut text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.locales import format_money
from catalog.money import Money, currencies_in_use
from renderer.errors import MediaError
from renderer.picture.frame import Box, Frame
from renderer.picture.lettering import Pen
from renderer.picture.show import Show
from renderer.picture.styles import STYLES
from style_pictures import BRAND, FORMATS, LOCALES, WORDS, show_saying, typesetter

COMPOUND = (
    "Donau",
    "dampf",
    "schiff",
    "fahrts",
    "elektrizitäten",
    "haupt",
    "betriebs",
    "werk",
    "bau",
    "unter",
    "beamten",
)
PIECES = (
    "Cold", "İstanbul", "ΑΎΓΟΥΣΤΟΣ", "straße", "W" * 60, "iiiiiiiiii", "👨‍👩‍👧‍👦", "👩🏽‍🚀", "🏳️‍🌈", "🇩🇪🇯🇵", "1️⃣", "❤️",
    "بارد", "لمدة ٢٤ ساعة", "שלום", "-50 %", "(א)", "\u202eabc\u202c", "\u2067x\u2069", "\u200b", "\u200d", "\u2060",
    "\ufeff", "\u00ad", "\u00a0", "ก่ำ", "กำลังเดินทางไปที่นั่น", "क्ष्म्य", "हिन्दी", "漢字", "つめたいまま", "ー", "。、",
    "Z\u0335\u0321\u030d\u0354", "e\u0301\u0301\u0301\u0301\u0301", "ﷺ", "𝔘𝔫𝔦", "½", "…", "—", "<b>", "{{", "%s", "\\n",
)  # fmt: skip
REFUSED = re.compile(
    r"does not fit \d+ x \d+ px even at [\d.]+ px|no font has .* \(U\+[0-9A-F]{4,6} |leave less than \d+ px to the QR code"
)

compounds = st.lists(st.sampled_from(COMPOUND), min_size=2, max_size=24).map(lambda parts: "".join(parts)[:200])
phrases = st.lists(st.sampled_from(PIECES), max_size=6).flatmap(
    lambda parts: st.sampled_from((" ", "", "-")).map(lambda joint: joint.join(parts))
)
texts = st.one_of(
    st.just(""), compounds, phrases, st.text(max_size=30), st.sampled_from("WgÅ").map(lambda one: one * 200)
)
amounts = st.one_of(st.integers(0, 10**9), st.decimals(0, 10**9, places=2)).map(Decimal)
currencies = st.sampled_from(sorted(currencies_in_use()))


@dataclass(frozen=True)
class Case:
    """One ad to lay out."""

    style: str
    locale: str
    format_id: str
    product: str
    words: tuple[str, ...]  # as in `WORDS`
    qr: str


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any style, locale, format and product, and words of every kind in any place."""
    locale = draw(st.sampled_from(sorted(WORDS)))
    money = st.builds(Money, amount=amounts, currency=currencies).map(lambda sum: format_money(sum, LOCALES[locale]))
    strange = (texts, texts, texts, money, st.one_of(st.just(""), money), texts, texts)
    changed = draw(st.sets(st.sampled_from(range(len(strange))), min_size=1, max_size=3))
    words = tuple(draw(other) if number in changed else WORDS[locale][number] for number, other in enumerate(strange))
    product = draw(st.sampled_from(("aur-bottle-750", "aur-kettle-900", "aur-earbuds-e2")))
    style, format_id = draw(st.sampled_from(list(STYLES))), draw(st.sampled_from(list(FORMATS)))
    link = draw(st.sampled_from(("", "https://aurora.example/p/bottle")))
    return Case(style, locale, format_id, product, (*words, WORDS[locale][7]), link)


def outcome(case: Case) -> Show | str:
    """The ad laid out, or why it is refused."""
    try:
        return show_saying(case.style, case.locale, case.format_id, case.product, case.words, case.qr)
    except MediaError as error:
        return str(error)


def assert_readable_or_refused(case: Case) -> None:
    show = outcome(case)
    if isinstance(show, str):
        assert REFUSED.search(show)
        return
    texts = [one for one in show.placed if one.role not in ("product", "logo")]
    boxes = [Box(text.x, text.y, text.width, text.height) for text in texts]
    safe = Frame(FORMATS[case.format_id], False).safe

    assert not [text for text, box in zip(texts, boxes, strict=True) if not box.within(safe)]
    for one, other in combinations(range(len(texts)), 2):
        apart = texts[one].last_frame <= texts[other].first_frame or texts[other].last_frame <= texts[one].first_frame
        assert apart or not boxes[one].meets(boxes[other]), (texts[one], texts[other])
    frame = Box(0, 0, show.width + 1, show.height + 1)  # chroma's grid is even
    assert all(Box(layer.x, layer.y, layer.sprite.width, layer.sprite.height).within(frame) for layer in show.layers)


@given(case=cases())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_copy_is_laid_out_or_refused(case: Case) -> None:
    """All of it inside the safe area and apart, or an error that names the text and the limit."""
    assert_readable_or_refused(case)


@pytest.mark.slow
@given(case=cases())
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
def test_thousands_of_hostile_copies(case: Case) -> None:
    """The same for two thousand."""
    assert_readable_or_refused(case)


def _price(amount: int, currency: str, locale: str) -> str:
    return format_money(Money(amount=Decimal(amount), currency=currency), LOCALES[locale])


def test_prices_up_to_a_billion_fit_in_all_currencies() -> None:
    """On every style's plate, in every format, with a former price above."""
    for style in STYLES.values():
        for number, currency in enumerate(sorted(currencies_in_use())):
            locale = sorted(WORDS)[number % len(WORDS)]
            format_id = list(FORMATS)[number % len(FORMATS)]
            frame = Frame(FORMATS[format_id], LOCALES[locale].direction == "rtl")
            pen = Pen(typesetter(), BRAND, LOCALES[locale], frame, "v", style)
            badge = pen.badge(_price(10**9, currency, locale), _price(10**9, currency, locale))

            assert badge.width <= frame.safe.width

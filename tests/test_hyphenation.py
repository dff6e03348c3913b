"""Long words are parted where their language parts them, only where they must be, and never names."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyphen
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import CatalogError
from catalog.hyphenation_rules import hyphenated_languages
from catalog.locales import Locale, read_locales
from renderer.errors import MediaError
from renderer.picture.fitting import Fitting
from renderer.picture.frame import Frame, Slot
from renderer.picture.hyphenation import MIN_LETTERS, places, softened
from renderer.picture.lettering import Pen
from renderer.picture.linebreak import balanced, pieces
from renderer.picture.styles import STYLES
from renderer.picture.typography import Face, Fitted, leading_of
from style_pictures import BRAND, FORMATS, LOCALES, typesetter

SOFT, MAY_BREAK = "\u00ad", "\u200b"
PARTS = {
    "de": "donau dampf schiff fahrts gesellschafts elektrizitäten haupt betriebs werk bau unter beamten straßen",
    "nl": "arbeids ongeschiktheids verzekerings koffie zet apparaat ontkalker kinder carnavals optocht reële",
    "fi": "lento kone suihku turbiini moottori apu mekaanikko pullon puhdistus harja vesi",
    "hu": "rozsda mentes acél kulacs víz tisztító berendezés asszonnyal hosszabbító tizennyolc",
    "pl": "konstanty nopolitań czykowia neczka naj nowocześ niejszych dziewięć dziesięcio",
    "ru": "водо непроницаемо высоко квалифици рованный электро чайник термо стойкость",
}


def locale_of(tag: str, hyphenation: bool = True) -> Locale:
    """A locale of a language that the catalog may not have."""
    usual = LOCALES.get(tag, LOCALES["de-DE"])
    return usual.model_copy(update={"tag": tag, "hyphenation": hyphenation})


def plain(text: str) -> str:
    return text.replace(SOFT, "").replace(MAY_BREAK, "")


def softest(text: str, tag: str, names: tuple[str, ...] = ()) -> str:
    """The text with all places where it may be parted, `|` for soft hyphens and `/` behind written ones."""
    *_, last = (text, *softened(text, locale_of(tag), names))
    return last.replace(SOFT, "|").replace(MAY_BREAK, "/")


@cache
def pen(tag: str, style: str = "classic", format_id: str = "story_9x16") -> Pen:
    frame = Frame(FORMATS[format_id], False, starts_at_margin=STYLES[style].align == "start")
    return Pen(typesetter(), BRAND, locale_of(tag), frame, "variant-7", STYLES[style])


def fitting(tag: str, slot: Slot, handsome: float = 62) -> Fitting:
    return Fitting(typesetter(), Face(("Outfit", "Noto Sans"), "bold", locale_of(tag)), slot, handsome, "variant-7")


def set_headline(text: str, tag: str, style: str = "classic", format_id: str = "story_9x16") -> Fitted:
    """A headline as an ad of this style and format sets it."""
    writer = pen(tag, style, format_id)
    return writer.broken(text, "headline", writer.frame.slot("headline"))[0]


def words_of(language: str) -> st.SearchStrategy[tuple[str, str]]:
    parts = st.lists(st.sampled_from(PARTS[language].split(" ")), min_size=1, max_size=12)
    return parts.map(lambda chosen: (language, "".join(chosen)[:80].capitalize()))


compounds = st.sampled_from(sorted(PARTS)).flatmap(words_of)


@given(wanted=compounds)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_parts_are_long_enough_and_no_letter_is_lost(wanted: tuple[str, str]) -> None:
    """Without its soft hyphens a word is itself; no hyphen leaves less than three letters on either side."""
    language, word = wanted
    for softer in softened(word, locale_of(language), ()):
        assert word == plain(softer)
        parts = softer.split(SOFT)
        assert min(len(parts[0]), len(parts[-1])) >= MIN_LETTERS
    assert {*places(word, language).best} <= {*places(word, language).all}


@given(wanted=compounds, style=st.sampled_from(("classic", "retail")), format_id=st.sampled_from(sorted(FORMATS)))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_compounds_of_eighty_letters_are_headlines(wanted: tuple[str, str], style: str, format_id: str) -> None:
    """Unless it would fill its slot to the last letters, it fits whole or parted; joined, its lines give it back.

    Two lines in a row end in a hyphen only if they must.
    """
    language, word = wanted
    writer, told = pen(language, style, format_id), word.upper() if style == "retail" else word
    _, face, slot = writer.broken(word[:4], "headline", writer.frame.slot("headline"))
    rows = min(slot.max_lines, int(slot.height // (slot.sizes[1] * leading_of(told))))
    if typesetter().width(told, face, slot.sizes[1], "t") > 0.8 * rows * slot.width:
        return
    fitted = set_headline(word, language, style, format_id)

    assert told == "".join(line.removesuffix("-") for line in fitted.lines)
    assert max(typesetter().width(line, face, fitted.size, "t") for line in fitted.lines) <= slot.width
    assert len(fitted.lines) * fitted.leading <= slot.height
    assert fitted.size >= slot.sizes[1]
    if len(fitted.lines) > 2:
        *_, softer = softened(word, locale_of(language), ())
        parts, width = pieces(softer.upper() if style == "retail" else softer, language), typesetter().width
        assert balanced(parts, lambda line: width(line, face, slot.sizes[1], "t"), slot.width, rows, 1) is None


def test_a_compound_of_sixty_letters_is_set_large() -> None:
    """What was refused for want of room is set in three lines, parted where its parts meet."""
    word = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
    writer = pen("de-DE")
    slot = writer.frame.slot("headline")

    with pytest.raises(MediaError, match=r"does not fit \d+ x \d+ px even at 46 px"):
        Fitting(typesetter(), writer.display(word), slot, 62, "variant-7").fit(word, ())
    fitted = set_headline(word, "de-DE")

    assert ("Rindfleischetikettierungs-", "überwachungsaufgaben-", "übertragungsgesetz") == fitted.lines
    assert fitted.size > 54


def test_words_stay_whole_where_that_is_handsome() -> None:
    """From the size on that is handsome for its role, no place to part a word is even looked for."""

    def asked():
        raise AssertionError("asked for hyphens")
        yield ""

    whole = fitting("de-DE", Slot(800, 500, (104, 46), 4)).fit("Edelstahltrinkflasche", asked())

    assert ("Edelstahltrinkflasche",) == whole.lines
    assert 62 <= whole.size < 104


def test_parted_words_must_be_worth_it() -> None:
    """Where whole words are small but parted ones hardly larger, they stay whole."""
    text = "Die Trinkflasche aus Edelstahl"
    slot = Slot(460, 200, (60, 40), 2)
    soft = list(softened(text, locale_of("de-DE"), ()))

    assert "-" not in "".join(fitting("de-DE", slot).fit(text, soft).lines)


def test_the_last_word_is_parted_last() -> None:
    """Other words first; only then the one that ends the headline."""
    tries = list(softened("Geschwindigkeitsbegrenzung aufgehobenermaßen", locale_of("de-DE"), ()))

    assert [SOFT in one.split()[1] for one in tries] == sorted(SOFT in one.split()[1] for one in tries)
    assert SOFT not in tries[0].split()[1]
    assert SOFT in tries[0].split()[0]


@pytest.mark.parametrize(
    ("word", "seams"),
    [
        ("Donaudampfschifffahrt", "Donau|dampf|schiff|fahrt"),
        ("Sommerschlussverkauf", "Sommer|schluss|verkauf"),
        ("Küchenmaschinenzubehör", "Küchen|maschinen|zubehör"),
        ("Lebensmittelaufbewahrungsbehälter", "Lebensmittelaufbewahrungs|behälter"),
    ],
)
def test_german_is_parted_where_words_meet(word: str, seams: str) -> None:
    """Its dictionary knows the seams of compounds; those near the middle come first."""
    first = next(softened(f"{word} hier", locale_of("de-DE"), ()))

    assert f"{seams} hier" == first.replace(SOFT, "|")


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("de-DE", "Trinkflasche", "Trink|fla|sche"),
        ("de-DE", "»Trinkflasche!«", "»Trink|fla|sche!«"),
        ("de-DE", "Auroras Trinkflasche", "Auroras Trink|fla|sche"),
        ("de-DE", "Sonderangebot", "Sonderangebot"),  # a name here
        ("de-DE", "NAHRUNGSMITTEL", "NAHRUNGSMITTEL"),
        ("de-DE", "MacBookLadestation", "MacBookLadestation"),
        ("de-DE", "Ladestation2000", "Ladestation2000"),
        ("de-DE", "www.trinkflaschen.example", "www.trinkflaschen.example"),
        ("de-DE", "post@trinkflaschen.example", "post@trinkflaschen.example"),
        ("de-DE", "Trink\u00adflaschenhalter", "Trink|flaschenhalter"),
        ("de-DE", "Edelstahl-Trinkflasche", "Edelstahl-/Trinkflasche"),
        ("de-DE", "E-Bike-Ladestation", "E-Bike-Ladestation"),
        ("en-US", "Wireless-Charging", "Wireless-/Charging"),
        ("fr-FR", "l’électroencéphalogramme", "l’élec|troen|cé|pha|lo|gramme"),
        ("hu-HU", "asszonnyal", "asszonnyal"),  # would become asszony-nyal
        ("nl-NL", "beïnvloedingen", "beïn|vloe|din|gen"),  # would become be-invloedingen
        ("fi-FI", "juomapullo", "juo|ma|pullo"),
        ("sv-SE", "ab", "ab"),
    ],
)
def test_what_is_parted_and_what_never_is(tag: str, text: str, expected: str) -> None:
    """Names and their inflections, acronyms, numbers, addresses and words with hyphens of their own stay as they are."""
    assert expected == softest(text, tag, names=("Aurora", "Sonderangebot 750"))


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("ar-EG", "والاستراتيجيات الفولاذية"),
        ("ja-JP", "スチールボトルのコーヒーメーカー"),
        ("zh-CN", "不锈钢保温瓶不锈钢保温瓶"),
        ("hi-IN", "अंतरराष्ट्रीयकरण"),
        ("th-TH", "กำลังเดินทางไปที่นั่น"),
        ("ar-EG", "Ladestation-Zubehör"),
    ],
)
def test_scripts_without_hyphens_get_none(tag: str, text: str) -> None:
    """Even where someone switched it on, nor do Latin words in lines that run from right to left."""
    assert [] == list(softened(text, locale_of(tag), ()))


def test_a_locale_decides(tmp_path: Path) -> None:
    """Its row switches hyphenation off or on; else it is as its language has it; without rules it cannot be on."""
    own = read_locales()

    def row(tag: str, more: str) -> Path:
        spoken = '{whole: "{whole} {currency}", with_minor: "{whole} {minor}"}'
        rest = f"direction: ltr, voice: 'pico:{tag}', fonts: [Outfit], legal_line: '', spoken_money: {spoken}"
        style = tag.replace("-", "_")
        path = tmp_path / f"{tag}.yaml"
        path.write_text(f"{tag}: {{name: N, currency: EUR, number_style: {style}, {rest}{more}}}\n", encoding="utf-8")
        return path

    assert (True, False, False) == tuple(own[tag].hyphenation for tag in ("de-DE", "en-US", "ja-JP"))
    assert not read_locales(row("de-DE", ", hyphenation: false"))["de-DE"].hyphenation
    assert read_locales(row("cs-CZ", ", hyphenation: true"))["cs-CZ"].hyphenation
    assert not read_locales(row("cs-CZ", ""))["cs-CZ"].hyphenation
    with pytest.raises(CatalogError, match=r"ja-JP.*hyphenation.*no rules for this language. Known: de, nl"):
        read_locales(row("ja-JP", ", hyphenation: true"))
    assert [] == list(softened("Lebensmittelaufbewahrung", locale_of("de-DE", hyphenation=False), ()))


def test_capitals_come_after_hyphens() -> None:
    """A style in capitals parts the word as it is written: ß has become SS on the way, and nothing else changed."""
    fitted = set_headline("Großstraßenbahnhaltestellenüberdachung", "de-DE", "retail")

    assert "GROSSSTRASSENBAHNHALTESTELLENÜBERDACHUNG" == "".join(line.removesuffix("-") for line in fitted.lines)
    assert len(fitted.lines) > 1


def test_every_language_has_its_dictionary_and_none_is_under_the_gpl_by_default() -> None:
    """Rows name files that the package has; those that only the GPL covers are used if a locale says so."""
    for rules in hyphenated_languages().values():
        assert rules.pattern or rules.dictionary in pyphen.LANGUAGES
        assert not rules.by_default or not re.match(r"GPL", rules.licence)


def test_a_product_keeps_its_name() -> None:
    """Words of the product's title are not parted, so a title that is too long is refused as ever."""
    title = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz"
    writer = replace(pen("de-DE"), title=title)

    with pytest.raises(MediaError, match="does not fit"):
        writer.text(title, "headline", writer.frame.slot("headline"), (0, 0, 0))
    assert pen("de-DE").text(title, "headline", writer.frame.slot("headline"), (0, 0, 0)).height > 0

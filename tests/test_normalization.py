"""What a voice would have to guess is annotated with how people say it, in every language of the catalog."""

from __future__ import annotations

import csv
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.lexicon import Entry, Lexicon
from catalog.locales import read_locales
from catalog.normalization import normalize
from catalog.normalization.readings import readings_for
from catalog.spoken import ANNOTATION, annotate, shown_text, speakable, spoken_text, words_of

LOCALES = read_locales()
READ = {tag for tag, locale in LOCALES.items() if readings_for(locale)}
TABLE = Path(__file__).parent / "data" / "normalization.tsv"
with TABLE.open(encoding="utf-8", newline="") as file:
    CASES = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
MARKS = "\ufff9\ufffa\ufffb"


def heard(text: str, tag: str, lexicon: Lexicon | None = None) -> str:
    return speakable(spoken_text(normalize(text, LOCALES[tag], lexicon or Lexicon())))


@pytest.mark.parametrize("case", CASES, ids=[f"{case['locale']}-{case['written']}" for case in CASES])
def test_the_table_of_readings(case: dict[str, str]) -> None:
    """Every written form is said by the rules of the source named beside it, and shown as it was written."""
    normalized = normalize(case["written"], LOCALES[case["locale"]])

    assert case["spoken"] == speakable(spoken_text(normalized))
    assert case["written"] == shown_text(normalized)


def test_the_table_is_large_enough() -> None:
    """At least 300 cases, and some for every locale of the catalog that is not left to the voice."""
    assert len(CASES) >= 300
    assert {case["locale"] for case in CASES} == READ
    assert LOCALES.keys() - READ == {"he-IL", "ko-KR", "th-TH"}
    assert all(case["source"] for case in CASES)


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("en-US", "1.299 and 1,299", "one point two nine nine and one thousand two hundred ninety-nine"),
        ("de-DE", "1.299 und 1,299", "eintausendzweihundertneunundneunzig und eins Komma zwei neun neun"),
        ("en-US", "03/04/2026", "March fourth, twenty twenty-six"),
        ("en-GB", "03/04/2026", "the third of April twenty twenty-six"),
        ("en-GB", "03/14/2026", "the fourteenth of March twenty twenty-six"),
    ],
)
def test_what_is_ambiguous_is_read_by_the_locale(tag: str, text: str, expected: str) -> None:
    """Marks of thousands and the order of day and month are CLDR's for the locale."""
    assert expected == heard(text, tag)


@pytest.mark.parametrize("digits", ["25", "٢٥", "२५", "２５", "২৫"])
def test_digits_of_every_script_are_the_same_number(digits: str) -> None:
    """A price pasted from another keyboard is said like any other."""
    assert heard(f"{digits} €", "de-DE") == "fünfundzwanzig Euro"


def test_annotations_of_the_author_stay() -> None:
    """What somebody annotated is not read a second time."""
    text = f"Nur {annotate('24/7', 'immer')} für 5 €"

    assert heard(text, "de-DE") == "Nur immer für fünf Euro"
    assert shown_text(normalize(text, LOCALES["de-DE"])) == "Nur 24/7 für 5 €"


def test_a_price_filled_in_takes_the_unit_written_behind_it() -> None:
    """The filter `money` annotates the price alone; the rest of the line is read with it."""
    text = f"{annotate('19,90 €', 'neunzehn Euro neunzig')}/kg"

    assert heard(text, "de-DE") == "neunzehn Euro neunzig pro Kilogramm"


def test_what_looks_like_something_else_is_left_alone() -> None:
    """A date that no calendar has is read as numbers, a word with an ending of its own as a word."""
    assert heard("Reserve et al.", "fr-FR") == "Reserve et al."
    assert "März" not in heard("45.13.2026", "de-DE")
    assert heard("Modell 5. Jetzt kaufen", "de-DE") == "Modell fünf. Jetzt kaufen"
    assert heard("Sale 2026 – 20 % auf alles", "de-DE") == "Sale zweitausendsechsundzwanzig – zwanzig Prozent auf alles"
    assert heard("31/2", "en-US") == "thirty-one/two"


def test_a_language_without_readings_keeps_its_text() -> None:
    """Nothing is read by the rules of another language."""
    swedish = LOCALES["de-DE"].model_copy(update={"tag": "sv-SE", "number_style": "sv_SE"})

    assert normalize("Nu 20 % rabatt", swedish) == "Nu 20 % rabatt"


def test_other_countries_follow_the_nearest_habit() -> None:
    """A locale that a campaign adds is read by its language, with dates and marks of its own country."""
    australia = LOCALES["en-GB"].model_copy(update={"tag": "en-AU", "number_style": "en_AU", "currency": "AUD"})
    belgium = LOCALES["fr-FR"].model_copy(update={"tag": "fr-BE", "number_style": "fr_BE"})

    assert spoken_text(normalize("12/03/2026, $5", australia)) == "the twelfth of March twenty twenty-six, five dollars"
    assert spoken_text(normalize("97 €", belgium)) == "nonante-sept euros"


def test_captions_never_split_what_is_read_as_one() -> None:
    """A date with spaces is one word on screen."""
    words = words_of(normalize("Nur am 12. März 2026 um 10:30 Uhr.", LOCALES["de-DE"]), "de")

    assert [word.shown for word in words] == ["Nur", "am", "12. März 2026", "um", "10:30 Uhr."]


scripts = st.sampled_from(
    [
        "0123456789.,:/%€$£¥-–+ x×½°#&'’",
        "aZéß ČЖ0129.,%-/:h€",
        "日本語かなカナ第回年月日円0129０９％～",
        "अआइ०१२९ ₹%,.",
        "ابتثم٠١٢٩٪٫٬ د.إ",
        "한국어 ไทย 0129",
        MARKS + "a1 %",
    ]
)
written = st.sampled_from([case["written"] for case in CASES] + [" ", ", ", "-", "/", ".", "a", "5", "%", " €"])
texts = (
    st.lists(written, max_size=6).map("".join)
    | scripts.flatmap(lambda letters: st.text(letters, max_size=40))
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
)
tags = st.sampled_from(sorted(LOCALES))
LEXICON = Lexicon(
    (
        Entry(word="Zett", say="tsett"),
        Entry(word="a1", say="a eins", any_case=True),
        Entry(word="日本", say="にほん"),
        Entry(word="24", ipa="faɪv"),
    )
)


@settings(max_examples=1000, deadline=None)
@given(texts, tags, st.sampled_from([Lexicon(), LEXICON]))
def test_any_text_is_shown_as_it_was_and_read_once(text: str, tag: str, lexicon: Lexicon) -> None:
    """For texts in all scripts: nothing shown changes, nothing raises, and reading twice changes nothing."""
    once = normalize(text, LOCALES[tag], lexicon)

    assert shown_text(once) == shown_text(text)
    assert normalize(once, LOCALES[tag], lexicon) == once


@settings(max_examples=1000, deadline=None)
@given(texts, st.sampled_from(sorted(READ)))
def test_no_digit_reaches_a_voice(text: str, tag: str) -> None:
    """Digits of every script are read, whatever stands around them, unless the author annotated them."""
    if not ANNOTATION.search(text):
        spoken = speakable(spoken_text(normalize(text, LOCALES[tag])))

        assert not any(unicodedata.category(char) == "Nd" for char in spoken)


def test_ten_thousand_lines_take_seconds() -> None:
    """Planning a large campaign does not wait for its numbers."""
    lines = [f"Nur {n},90 € für {n} ml, z. B. am 3. Mai um 10:30 Uhr: -{n % 100} % auf alles." for n in range(10_000)]
    started = time.process_time()

    for line in lines:
        normalize(line, LOCALES["de-DE"])

    assert time.process_time() - started < 20

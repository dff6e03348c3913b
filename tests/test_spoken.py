"""What is shown and what is said: annotations, words, and prices as a native says them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.locales import read_locales
from catalog.money import Money
from catalog.spoken import (
    annotate,
    is_mute,
    shown_text,
    speakable,
    spoken_money,
    spoken_number,
    spoken_text,
    words_of,
)

LOCALES = read_locales()
MARKS = "\ufff9\ufffa\ufffb"
PRICES = [
    ("en-US", "49.00 USD", "forty-nine dollars"),
    ("en-US", "1.00 USD", "one dollar"),
    ("en-US", "19.99 USD", "nineteen dollars and ninety-nine cents"),
    ("en-US", "0.99 USD", "ninety-nine cents"),
    ("en-GB", "19.90 GBP", "nineteen pounds ninety"),
    ("en-GB", "101.00 GBP", "one hundred and one pounds"),
    ("de-DE", "19.90 EUR", "neunzehn Euro neunzig"),
    ("de-DE", "1.00 EUR", "ein Euro"),
    ("de-DE", "49.00 EUR", "neunundvierzig Euro"),
    ("de-DE", "10.50 USD", "zehn Dollar fünfzig"),
    ("fr-FR", "19.90 EUR", "dix-neuf euros quatre-vingt-dix"),
    ("fr-FR", "1.50 EUR", "un euro cinquante"),
    ("fr-FR", "1000000.00 EUR", "un million d’euros"),
    ("es-MX", "1290.50 MXN", "mil doscientos noventa pesos con cincuenta centavos"),
    ("es-MX", "21.00 MXN", "veintiún pesos"),
    ("pt-BR", "19.90 BRL", "dezenove reais e noventa centavos"),
    ("pt-BR", "1.00 BRL", "um real"),
    ("it-IT", "19.90 EUR", "diciannove euro e novanta"),
    ("it-IT", "1.00 EUR", "un euro"),
    ("ja-JP", "1290 JPY", "千二百九十円"),
    ("ja-JP", "19.90 USD", "十九ドル九十セント"),
    ("zh-CN", "19.90 CNY", "十九点九元"),
    ("zh-CN", "2.00 CNY", "两元"),
    ("zh-CN", "0.99 CNY", "零点九九元"),
    ("hi-IN", "1290.00 INR", "एक हज़ार दो सौ नब्बे रुपये"),
    ("hi-IN", "19.50 INR", "उन्नीस रुपये पचास पैसे"),
    ("ar-EG", "1.00 EGP", "جُنَيْهٌ وَاحِدٌ"),
    ("ar-EG", "2.00 EGP", "جُنَيْهَانِ"),
    ("ar-EG", "5.00 EGP", "خَمْسَةُ جُنَيْهَاتٍ"),
    ("ar-EG", "49.00 EGP", "تِسْعَةٌ وَأَرْبَعُونَ جُنَيْهًا"),
    ("ar-EG", "200.00 EGP", "مِئَتَا جُنَيْهٍ"),
    ("ar-EG", "1290.50 EGP", "أَلْفٌ وَمِئَتَانِ وَتِسْعُونَ جُنَيْهًا وَخَمْسُونَ قِرْشًا"),
]


def money(text: str) -> Money:
    amount, currency = text.split()
    return Money(amount=Decimal(amount), currency=currency)


@pytest.mark.parametrize(("tag", "price", "expected"), PRICES)
def test_prices_are_said_as_a_native_says_them(tag: str, price: str, expected: str) -> None:
    """Units have the right plural, gender and case, minor units the local habit."""
    assert expected == spoken_money(money(price), LOCALES[tag])


def test_a_foreign_currency_is_said_by_its_full_name() -> None:
    """A currency that nobody uses at home has its CLDR name, and decimals instead of coins."""
    said = spoken_money(money("10.50 TRY"), LOCALES["fr-FR"])

    assert said == "dix virgule cinq livres turques"


def test_a_price_below_zero_is_refused() -> None:
    """There is no good way to say it, so nobody gets a bad one."""
    with pytest.raises(ValueError, match="below zero"):
        spoken_money(money("-1 EUR"), LOCALES["de-DE"])


@pytest.mark.parametrize("tag", sorted(LOCALES))
@pytest.mark.parametrize("amount", ["0.01", "1", "3.05", "11", "21.90", "100", "1000", "12345.60", "2000000"])
def test_no_price_is_left_in_digits(tag: str, amount: str) -> None:
    """Every locale says every amount of its currency in words, without stray spaces."""
    said = spoken_money(Money(amount=Decimal(amount), currency=LOCALES[tag].currency), LOCALES[tag])

    assert not any(char.isdigit() for char in said)
    assert said == " ".join(said.split())
    assert not is_mute(said)


@pytest.mark.parametrize(
    ("tag", "number", "expected"),
    [
        ("de-DE", "3.5", "drei Komma fünf"),
        ("en-GB", "750", "seven hundred and fifty"),
        ("ar-EG", "12", "اِثْنَا عَشَرَ"),
        ("ar-EG", "3.05", "ثَلَاثَةٌ فَاصِلَةٌ صِفْرٌ خَمْسَةٌ"),
        ("ja-JP", "3.5", "三点五"),
    ],
)
def test_numbers_in_words(tag: str, number: str, expected: str) -> None:
    """A number without a unit is counted, not declined."""
    assert expected == spoken_number(Decimal(number), LOCALES[tag])


def test_an_annotation_shows_one_thing_and_says_another() -> None:
    """The two halves come apart again, whatever stands around them."""
    text = f"Nur {annotate('19,90 €', 'neunzehn Euro neunzig')}!"

    assert shown_text(text) == "Nur 19,90 €!"
    assert spoken_text(text) == "Nur neunzehn Euro neunzig!"


def test_annotations_do_not_nest() -> None:
    """A mark inside an annotation is a mistake that is named."""
    with pytest.raises(ValueError, match="do not nest"):
        annotate(annotate("a", "b"), "c")


def test_an_annotated_stretch_is_one_word() -> None:
    """A price is never torn apart, and its full stop stays with it."""
    words = words_of(f"Nur {annotate('19,90 €', 'neunzehn Euro neunzig')}. Jetzt – 🎉 zugreifen!", "de")

    assert [word.shown for word in words] == ["Nur", "19,90 €.", "Jetzt – 🎉", "zugreifen!"]
    assert [word.spoken for word in words] == ["Nur", "neunzehn Euro neunzig.", "Jetzt –", "zugreifen!"]


def test_vowel_marks_do_not_glue_a_sentence_together() -> None:
    """An annotation that only adds vowels is split into its words, so that captions can break."""
    words = words_of(annotate("اكتشف الجديد", "اِكْتَشِفِ الجَدِيد"), "ar")

    assert [(word.shown, word.spoken) for word in words] == [("اكتشف", "اِكْتَشِفِ"), ("الجديد", "الجَدِيد")]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "ja",
            f"今なら{annotate('1,290円', '千二百九十円')}で、もっと楽しく。",
            ["今なら", "1,290円で、", "もっと", "楽しく。"],
        ),
        ("zh", "重新定义你的Aurora早晨！限时三天。", ["重新定义", "你的", "Aurora早晨！", "限时", "三天。"]),
    ],
)
def test_phrases_of_scripts_without_spaces(language: str, text: str, expected: list[str]) -> None:
    """Particles stay with their noun, Latin names in one piece, and a stop ends a phrase."""
    assert expected == [word.shown for word in words_of(text, language)]


wild = st.text(st.characters(exclude_categories=("Cs",)), max_size=60) | st.text(
    "aA1 ,.!€🎉e\u0301\u200d\u202eא日本。" + MARKS, max_size=60
)


@given(wild, st.sampled_from(["en", "ja", "zh", "th", "ar"]))
def test_words_are_the_shown_text(text: str, language: str) -> None:
    """Nothing that is shown gets lost between words, for any text at all."""
    words = words_of(text, language)

    assert "".join("".join(word.shown for word in words).split()) == "".join(shown_text(text).split())
    assert all(word.shown for word in words)


@given(wild)
def test_spoken_text_is_clean(text: str) -> None:
    """No control, emoji or annotation mark reaches a voice."""
    spoken = speakable(spoken_text(text))

    assert not set(spoken) & set(MARKS)
    assert spoken == speakable(spoken)

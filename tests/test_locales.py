"""Locales come from data that is checked, and write money as people do."""

from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.caption_rules import caption_rules
from catalog.errors import CatalogError
from catalog.locales import fallback_chain, format_money, read_locales
from catalog.money import Money
from catalog.yamlfile import read_yaml

OWN = (files("catalog") / "data" / "locales.yaml").read_text(encoding="utf-8")
COPY = Path(__file__).parents[1] / "templates" / "aurora_launch" / "copy"
KEYS = {
    "hook",
    "hook_voice",
    "offer",
    "offer_voice",
    "plain",
    "plain_voice",
    "cta",
    "cta_voice",
    "new_badge",
    "end_headline",
}
LOCALES = read_locales()


def money(text):
    amount, currency = text.split()
    return Money(amount=Decimal(amount), currency=currency)


def changed(folder, old, new):
    """The own file with one passage changed, and the problems that this makes."""
    assert OWN.count(old) >= 1
    path = folder / "locales.yaml"
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        read_locales(path)
    return [str(problem) for problem in caught.value.problems], line_of(old)


def line_of(text):
    return OWN[: OWN.index(text)].count("\n") + 1


def test_the_own_locales_are_flawless():
    """Each has a legal line, and the direction that CLDR knows."""
    assert {
        "en-US",
        "en-GB",
        "de-DE",
        "fr-FR",
        "es-MX",
        "pt-BR",
        "it-IT",
        "ja-JP",
        "zh-CN",
        "hi-IN",
        "ar-EG",
    } <= LOCALES.keys()
    assert all(locale.tag == tag and locale.legal_line for tag, locale in LOCALES.items())
    assert [tag for tag, locale in LOCALES.items() if locale.direction == "rtl"] == ["ar-EG", "he-IL"]


@pytest.mark.parametrize(
    ("tag", "amount", "written"),
    [
        ("en-US", "1299.90 USD", "$1,299.90"),
        ("en-US", "69.00 USD", "$69"),
        ("en-GB", "0.99 GBP", "£0.99"),
        ("de-DE", "1299.90 EUR", "1.299,90\u00a0€"),
        ("de-DE", "69 EUR", "69\u00a0€"),
        ("de-AT", "19.9 EUR", "€\u00a019,90"),
        ("de-CH", "1299.90 CHF", "CHF\u00a01’299.90"),
        ("fr-FR", "1299.90 EUR", "1\u202f299,90\u00a0€"),
        ("es-MX", "4299.00 MXN", "$4,299"),
        ("pt-BR", "189.90 BRL", "R$\u00a0189,90"),
        ("ja-JP", "4980 JPY", "￥4,980"),
        ("zh-CN", "239.00 CNY", "¥239"),
        ("hi-IN", "129900 INR", "₹1,29,900"),
        ("ar-EG", "1299.50 EGP", "\u200f1,299.50\u00a0ج.م.\u200f"),
        ("de-DE", "34.90 USD", "34,90\u00a0$"),
    ],
)
def test_money_is_written_as_people_write_it(tag, amount, written):
    """Separators, grouping, place of the sign; whole amounts go without decimals."""
    assert format_money(money(amount), LOCALES[tag]) == written


@given(cents=st.integers(1, 10**9), tag=st.sampled_from(sorted(LOCALES)))
def test_no_digit_of_a_price_is_lost(cents, tag):
    """What is shown is the price in the catalog, to the cent."""
    shown = format_money(Money(amount=Decimal(cents) / 100, currency="EUR"), LOCALES[tag])
    digits = "".join(character for character in shown if character.isdecimal())

    assert int(digits) == (cents if cents % 100 else cents // 100)


@pytest.mark.parametrize(
    ("tag", "chain"), [("de-CH", ("de-CH", "de")), ("zh-Hant-TW", ("zh-Hant-TW", "zh-Hant", "zh")), ("en", ("en",))]
)
def test_a_locale_falls_back_along_its_language(tag, chain):
    """Never to another language."""
    assert fallback_chain(tag) == chain


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  direction: rtl",
            "  direction: ltr",
            "ar-EG.direction: 'ltr' is not how it is written. Write the other one.",
        ),
        ("  direction: ltr", "  direction: up", "en-US.direction: 'up' does not fit. Write 'ltr' or 'rtl'."),
        (
            "  currency: CHF",
            "  currency: DEM",
            "de-CH.currency: 'DEM' is no currency of today. Write ISO 4217, such as EUR.",
        ),
        (
            "  number_style: de_CH",
            "  number_style: xx_YY",
            "de-CH.number_style: 'xx_YY' is unknown to CLDR. Write a locale such as de_CH.",
        ),
        ("  voice: pico:de-DE", "  voice: pico", "de-DE.voice: 'pico' is no voice. Write '<engine>:<voice>'."),
        ("  fonts: [Outfit, Noto Sans]", "  fonts: []", "en-US.fonts: is empty. Name at least one font family."),
        ("  legal_line:", "  legal_lines:", "en-US.legal_lines: is not a field. Write 'legal_line', or remove it."),
    ],
)
def test_a_wrong_locale_is_named_with_its_line(tmp_path, old, new, message):
    """File, line, dotted name, fact and cure."""
    problems, line = changed(tmp_path, old, new)

    assert f"locales.yaml:{line}: {message}" in problems


@pytest.mark.parametrize("tag", ["de_DE", "DE-de", "xx-XX", "german", "de-DE-1996"])
def test_a_tag_is_a_language_that_exists(tmp_path, tag):
    """BCP 47 in its usual case, and known to CLDR."""
    problems, line = changed(tmp_path, "\nde-DE:", f"\n{tag}:")

    assert (
        problems[0]
        == f"locales.yaml:{line + 1}: {tag}: '{tag}' is no language tag. Write BCP 47, such as de-CH or zh-Hant-TW."
    )


@pytest.mark.parametrize("pattern", ["{amount.real}", "{}", "{0}", "{", "{price}", "free"])
def test_spoken_money_fills_only_what_it_may(tmp_path, pattern):
    """A pattern cannot reach into objects, and always says the amount."""
    problems, line = changed(tmp_path, 'whole: "{whole} {currency}"', f'whole: "{pattern}"')

    assert len(problems) == 1
    assert problems[0].startswith(f"locales.yaml:{line}: en-US.spoken_money: '{pattern}'")


def test_a_locale_that_stands_twice_is_refused(tmp_path):
    """YAML would silently keep one of the two."""
    path = tmp_path / "locales.yaml"
    path.write_text(OWN + "\nde-DE:\n  name: Deutsch\n", encoding="utf-8")

    with pytest.raises(CatalogError, match=r"locales\.yaml:[0-9]+: "):
        read_locales(path)


def test_all_problems_are_shown_together(tmp_path):
    """An editor mends ten at once."""
    path = tmp_path / "locales.yaml"
    path.write_text("de-DE: {name: Deutsch}\nfr-FR: 7\n", encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        read_locales(path)

    assert {problem.subject for problem in caught.value.problems} == {"de-DE", "fr-FR"}
    assert "locales.yaml:1: de-DE.currency: is missing. Add it." in str(caught.value)


@pytest.mark.parametrize("tag", sorted(LOCALES))
def test_the_sample_campaign_speaks_every_locale(tag):
    """Copy exists along the fallback chain, says all and only what the campaign uses, and its headlines fit a phone."""
    texts = {}
    for name in reversed(fallback_chain(tag)):
        if (COPY / f"{name}.yaml").is_file():
            texts |= read_yaml(COPY / f"{name}.yaml").content

    assert texts.keys() == KEYS
    assert all(len(texts[key]) <= 28 for key in ("offer", "plain", "cta", "new_badge", "end_headline"))
    assert all("{{ price }}" in texts[key] for key in ("offer_voice", "plain_voice"))


def test_captions_have_the_rules_of_their_language(tmp_path):
    """A row that says nothing takes its language's; what it says counts; a language without rules has the common ones."""
    text = (files("catalog") / "data" / "locales.yaml").read_text(encoding="utf-8")
    german = text[text.index("de-DE:") : text.index("de-AT:")]
    path = tmp_path / "locales.yaml"
    path.write_text(
        german + "  captions: {max_chars_per_line: 30}\n" + german.replace("de-DE", "nl-NL").replace("de_DE", "nl_NL"),
        encoding="utf-8",
    )

    own = read_locales(path)

    assert LOCALES["ja-JP"].captions.max_chars_per_line == 13
    assert own["de-DE"].captions == LOCALES["de-DE"].captions.model_copy(update={"max_chars_per_line": 30})
    assert own["nl-NL"].captions == caption_rules("und")
    assert all(locale.captions.source for locale in LOCALES.values())


def test_every_language_of_the_sample_names_sounds_in_its_own_words():
    """No ad tells of upbeat music in English to people who read something else."""
    english = caption_rules("und").sounds
    for locale in LOCALES.values():
        words = locale.captions.sounds
        assert locale.language == "en" or not {words.bright, words.calm, words.scene} & set(
            english.model_dump().values()
        )

"""The lexicon of a campaign: names and words that a voice would get wrong, read strictly and found whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.lexicon import IPA_LETTERS, IPA_MARKS, Entry, Lexicon, read_lexicon
from catalog.locales import read_locales
from catalog.normalization import normalize
from catalog.spoken import shown_text, speakable, spoken_text, words_of
from renderer.artifacts import Line
from renderer.backends.espeak import espeak_voice
from renderer.backends.kokoro import VOCABULARY, Kokoro
from renderer.backends.phonemes import EspeakSpeller, from_ipa, with_ipa

LOCALES = read_locales()


def lexicon(*entries: dict[str, object]) -> Lexicon:
    return Lexicon(tuple(Entry.model_validate(entry) for entry in entries))


def heard(text: str, tag: str, words: Lexicon) -> str:
    normalized = normalize(text, LOCALES[tag], words)
    assert shown_text(normalized) == text
    return speakable(spoken_text(normalized))


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("de-DE", "Aurora, Auroras und AURORA.", "Auróra, Auroras und AURORA."),
        ("de-DE", "Die Aurora-Flasche", "Die Auróra-Flasche"),
        ("en-US", "Aurora’s best", "Auróra’s best"),
        ("ja-JP", "毎日のそばにAuroraを。", "毎日のそばにAuróraを。"),
        ("hi-IN", "Aurora की बोतल", "Auróra की बोतल"),
        ("ar-EG", "مع Aurora كل يوم", "مع Auróra كل يوم"),
    ],
)
def test_a_word_is_found_whole_in_every_script(tag: str, text: str, expected: str) -> None:
    """Longer words that contain it are others, and so is another case."""
    assert expected == heard(text, tag, lexicon({"word": "Aurora", "say": "Auróra"}))


@pytest.mark.parametrize(
    ("tag", "word", "text", "expected"),
    [
        ("ja-JP", "東京店", "本日、東京店で。", "本日、X で。"),
        ("zh-CN", "重庆", "在重庆店", "在X 店"),
        ("hi-IN", "कमल", "कमल और कमला", "X और कमला"),
        ("ar-EG", "نور", "نور ونورا", "X ونورا"),
        ("fr-FR", "café", "un cafe\u0301 noir", "un X noir"),
    ],
)
def test_words_of_every_script(tag: str, word: str, text: str, expected: str) -> None:
    """Scripts without spaces have no ends of words; vowel signs and both spellings of é belong to the letter."""
    assert expected.replace(" ", "") == heard(text, tag, lexicon({"word": word, "say": "X"})).replace(" ", "")


def test_the_longest_word_wins() -> None:
    """A name inside a longer name is not said twice."""
    words = lexicon({"word": "Aurora", "say": "eins"}, {"word": "Aurora One", "say": "zwei"})

    assert heard("Aurora One und Aurora", "de-DE", words) == "zwei und eins"


def test_the_nearest_locale_wins() -> None:
    """An entry for de-CH comes before one for de, and that before one for all."""
    words = lexicon(
        {"word": "Zett", "say": "all"},
        {"word": "Zett", "say": "deutsch", "locales": ["de"]},
        {"word": "Zett", "say": "schweizerisch", "locales": ["de-CH"]},
    )

    assert [heard("Zett", tag, words) for tag in ("fr-FR", "de-DE", "de-CH")] == ["all", "deutsch", "schweizerisch"]


def test_any_case_only_when_asked() -> None:
    """SALE and Sale are one word where the entry says so."""
    assert (
        heard("SALE Sale sale", "de-DE", lexicon({"word": "sale", "say": "seil", "any_case": True})) == "seil seil seil"
    )


def test_the_lexicon_comes_before_the_rules() -> None:
    """A brand that looks like a number, a date or a price is a brand."""
    words = lexicon({"word": "24/7", "say": "two four seven"}, {"word": "No. 5", "say": "numéro cinq"})

    assert heard("Try 24/7 and No. 5 for $5", "en-US", words) == "Try two four seven and numéro cinq for five dollars"


def test_ipa_travels_with_the_word_it_is_of() -> None:
    """A word with punctuation keeps its sounds; a compound is said by its spelling."""
    words = lexicon({"word": "Aurora", "say": "Auróra", "ipa": "aʊˈʁoːʁa"})
    spoken = words_of(normalize("Die Aurora, die Aurora-Flasche.", LOCALES["de-DE"], words), "de")

    assert [(word.shown, word.spoken, word.ipa) for word in spoken] == [
        ("Die", "Die", ""),
        ("Aurora,", "Auróra,", "aʊˈʁoːʁa"),
        ("die", "die", ""),
        ("Aurora-Flasche.", "Auróra-Flasche.", ""),
    ]


def test_ipa_of_two_words_stays_together() -> None:
    """A name with a space is one word on screen, with all of its sounds."""
    words = lexicon({"word": "Aurora One", "ipa": "ɔˈɹɔːɹə wʌn"})

    (word,) = words_of(normalize("Aurora One!", LOCALES["en-US"], words), "en")

    assert (word.shown, word.spoken, word.ipa) == ("Aurora One!", "Aurora One!", "ɔˈɹɔːɹə wʌn")


def test_kokoro_reads_the_sounds_as_they_are_written() -> None:
    """The phonemes of a word with IPA are its own, in the symbols of the model, with the word's punctuation."""
    words = words_of(
        normalize("Hello Aurora, hello.", LOCALES["en-US"], lexicon({"word": "Aurora", "ipa": "oʊˈɹɔːɹə"})), "en"
    )
    line = Line(key="line", text="", locale="en-US", voice="kokoro:af_heart", voice_revision="1")
    plain = EspeakSpeller().spell(words, line)
    spelled = with_ipa(plain, words, line)

    assert spelled[1] == "Oˈɹɔɹə, "
    assert (spelled[0], spelled[2]) == (plain[0], plain[2])


def test_a_lexicon_is_heard() -> None:
    """The same line sounds different with other sounds of a name, and keeps its words."""
    plain, sounded = (
        Line(
            key="line",
            text=normalize("Meet Aurora.", LOCALES["en-US"], words),
            locale="en-US",
            voice="kokoro:af_heart",
            voice_revision="1",
        )
        for words in (Lexicon(), lexicon({"word": "Aurora", "ipa": "ˈluːmoʊ"}))
    )
    voice = Kokoro("af_heart")
    before, after = voice.speak(plain), voice.speak(sounded)

    assert [word.text for word in before.words] == [word.text for word in after.words] == ["Meet", "Aurora."]
    assert len(before.samples) != len(after.samples)


@pytest.mark.parametrize("tag", sorted(LOCALES))
def test_every_sound_that_is_accepted_can_be_said(tag: str) -> None:
    """A lexicon that was read never fails in a voice: no sound is dropped silently, and no mark is unknown."""
    voice = espeak_voice(tag)

    assert all(from_ipa(letter, voice) for letter in IPA_LETTERS)
    assert {char for letter in IPA_LETTERS for char in from_ipa(letter, voice)} <= set(VOCABULARY)
    assert {char for mark in IPA_MARKS for char in from_ipa(f"a{mark}a", voice)} <= set(VOCABULARY)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("word: Aurora\n", r"lexicon.yaml:1: is not a list of entries. Begin each with '- word: …'."),
        ("- word: Aurora\n", r"lexicon.yaml:1: \[0\]: .* write 'say'|Write 'say' \(a respelling\), 'ipa', or both."),
        ("- word: Aurora\n  says: x\n", r"lexicon.yaml:2: \[0\].says: there is no such field"),
        ("- word: Aurora\n  ipa: aʊ!\n", r"lexicon.yaml:2: \[0\].ipa: .*'!' is no sound of the IPA"),
        (
            "- word: Aurora\n  say: x\n  locales: [deutsch]\n",
            r"lexicon.yaml:3: \[0\].locales: .*'deutsch' is no language tag",
        ),
        ("- word: '...'\n  say: x\n", r"lexicon.yaml:1: \[0\].word: .*Write letters or digits"),
        (
            "- word: Aurora\n  say: x\n- word: Aurora\n  say: y\n",
            r"lexicon.yaml:3: \[1\].word: 'Aurora' has an entry for any in line 1 already. Keep one of them.",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    """An entry that cannot be used is refused with file, line, field and cure."""
    (tmp_path / "lexicon.yaml").write_text(content, encoding="utf-8")

    with pytest.raises(CatalogError, match=message):
        read_lexicon(tmp_path)


def test_a_campaign_without_a_lexicon_has_an_empty_one(tmp_path: Path) -> None:
    """The file is optional."""
    assert read_lexicon(tmp_path) == Lexicon()

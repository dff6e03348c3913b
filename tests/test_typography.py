"""Type is set whole, in the right order, in the right shapes; what cannot be drawn is an error with a name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalog.locales import read_locales
from renderer.errors import MediaError
from renderer.picture import emoji_font
from renderer.picture.fonts import EMOJI_FAMILIES, Shelf, emoji_stretches
from renderer.picture.linebreak import NOT_FIRST, balanced, pieces
from renderer.picture.typography import (
    Face,
    Fitted,
    Run,
    Typesetter,
    cropped,
    leading_of,
    logo_picture,
    margin_px,
    stacked,
    tinted,
)

LOCALES = read_locales()
TEXTS = {
    "en-US": "Cold for 24 hours.",
    "de-DE": "Hält 24 Stunden kalt – auch bei Wüstenhitze.",
    "fr-FR": "Ça garde la fraîcheur, déjà\u202f! ÀÉÎÕÜŸ çş",
    "ja-JP": "24時間、つめたさそのまま。￥4,980",
    "zh-CN": "24小时持久冰爽，只要¥189.00。",
    "hi-IN": "24 घंटे तक ठंडा, हिन्दी में फ़ॉरेस्ट ग्रीन ₹2,999.00 र्त्स्न्यि",
    "ar-EG": "بارد لمدة ٢٤ ساعة من Aurora بسعر \u200f1,990.00\u00a0ج.م.\u200f طَوِيلاً",
}
RED, GREEN = (255, 0, 0), (0, 255, 0)


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


def face(tag: str) -> Face:
    locale = LOCALES[tag]
    return Face(("Outfit", *locale.fonts), "bold", locale)


def middle(picture: NDArray[np.uint8], channel: int) -> float:
    """Horizontal centre of everything in one colour."""
    amount = picture[..., channel].astype(float).sum(0)
    return float((amount * np.arange(len(amount))).sum() / amount.sum())


@pytest.mark.parametrize("tag", TEXTS)
def test_nothing_is_cut_in_any_script(typesetter: Typesetter, tag: str) -> None:
    """Ascenders, descenders and marks of every script end inside the picture, with empty pixels around them."""
    fitted = typesetter.fit(TEXTS[tag], face(tag), (700, 700), (90, 30), 4, "test")

    picture = typesetter.draw_runs([[Run(line, RED)] for line in fitted.lines], fitted, face(tag), "centre", "test")

    border = np.concatenate(
        [picture[:2].ravel(), picture[-2:].ravel(), picture[:, :2].ravel(), picture[:, -2:].ravel()]
    )
    assert not border.any()
    assert cropped(picture)[..., 3].max() == 255


@pytest.mark.parametrize("tag", TEXTS)
def test_fitted_lines_stay_in_their_box(typesetter: Typesetter, tag: str) -> None:
    """No line is wider than the box, all lines together are no taller, and no letter is lost."""
    fitted = typesetter.fit(TEXTS[tag], face(tag), (640, 400), (90, 24), 5, "test")

    assert max(typesetter.width(line, face(tag), fitted.size, "test") for line in fitted.lines) <= 640
    assert len(fitted.lines) * fitted.leading <= 400
    assert "".join(fitted.lines).replace(" ", "") == TEXTS[tag].replace(" ", "")


def test_a_character_without_a_font_is_named(typesetter: Typesetter) -> None:
    """No empty box ever reaches an ad: the character, the text and the variant stand in the error."""
    with pytest.raises(MediaError, match=r"variant-7.*U\+13080 EGYPTIAN HIEROGLYPH.*'eye 𓂀'.*font folder"):
        typesetter.fit("eye 𓂀", face("en-US"), (600, 200), (80, 40), 2, "variant-7")


def test_an_unknown_family_is_named() -> None:
    """A locale that asks for a font nobody has gets the list of those there are."""
    with pytest.raises(MediaError, match=r"font 'Comic Neue' is not installed.*Noto Sans Arabic"):
        Shelf().families_for("a", ["Comic Neue"], "test")


def test_what_does_not_fit_is_named(typesetter: Typesetter) -> None:
    """The error tells the text, the box and the smallest size that was tried."""
    with pytest.raises(
        MediaError, match=r"'Donaudampfschifffahrt' does not fit 100 x 50 px even at 40 px. Shorten it."
    ):
        typesetter.fit("Donaudampfschifffahrt", face("de-DE"), (100, 50), (80, 40), 2, "test")


def test_larger_boxes_never_get_smaller_type(typesetter: Typesetter) -> None:
    """Size grows with the room until the largest size is reached."""
    sizes = [
        typesetter.fit(TEXTS["de-DE"], face("de-DE"), (w, 300), (90, 20), 4, "t").size for w in (300, 500, 700, 2000)
    ]

    assert sizes == sorted(sizes)
    assert sizes[-1] == 90


def test_arabic_runs_from_right_to_left(typesetter: Typesetter) -> None:
    """The first word stands at the right, the brand name after it to its left, its Latin letters in their own order."""
    fitted = Fitted(("",), 80, 100)

    first = typesetter.draw_runs([[Run("بارد ", RED), Run("Aurora", GREEN)]], fitted, face("ar-EG"), "start", "t")
    latin = typesetter.draw_runs(
        [[Run("بارد ", (0, 0, 255)), Run("Au", RED), Run("ro", GREEN)]], fitted, face("ar-EG"), "start", "t"
    )

    assert middle(first, 0) > middle(first, 1)
    assert middle(latin, 0) < middle(latin, 1)


def test_right_to_left_lines_are_flush_right(typesetter: Typesetter) -> None:
    """At the start side, lines of different length end at one right edge in Arabic, at one left edge in English."""
    fitted = Fitted(("", ""), 80, 110)

    arabic = typesetter.draw_runs([[Run("ممم ممم ممم", RED)], [Run("ممم", GREEN)]], fitted, face("ar-EG"), "start", "t")
    english = typesetter.draw_runs([[Run("HHH HHH", RED)], [Run("HHH", GREEN)]], fitted, face("en-US"), "start", "t")

    right = [int(np.flatnonzero(arabic[..., channel].any(0))[-1]) for channel in (0, 1)]
    left = [int(np.flatnonzero(english[..., channel].any(0))[0]) for channel in (0, 1)]
    assert abs(right[0] - right[1]) <= 1
    assert abs(left[0] - left[1]) <= 1


def test_chinese_and_japanese_get_their_own_shapes(typesetter: Typesetter) -> None:
    """One font holds both; the language decides which form of a shared character is drawn."""
    fitted = Fitted(("骨",), 80, 100)

    japanese, chinese = (
        typesetter.draw_runs([[Run("骨", RED)]], fitted, face(tag), "centre", "t") for tag in ("ja-JP", "zh-CN")
    )

    assert (japanese != chinese).any()


@given(width=st.integers(60, 900))
@settings(max_examples=40, deadline=None)
def test_japanese_lines_begin_where_they_may(width: int) -> None:
    """No line begins with a stop, a closing bracket, a small kana or a prolonged sound mark, however narrow the box."""
    text = "コーヒーを、もっとゆっくり。ちょっとしたひとときに「オーロラ」のケトルを！"
    parts = pieces(text, "ja-JP")

    lines = balanced(parts, lambda line: 40.0 * len(line), width, 12)

    assert "".join(parts) == text
    assert lines is None or not any(line[0] in NOT_FIRST for line in lines)


def test_numbers_stay_with_their_words_and_dashes_do_not_lead() -> None:
    """`24 Stunden` is one piece, and a dash stays at the end of its line."""
    assert pieces("Hält 24 Stunden kalt – auch", "de-DE") == ["Hält ", "24 Stunden ", "kalt – ", "auch"]
    assert pieces("لمدة ٢٤ ساعة", "ar-EG") == ["لمدة ", "٢٤ ساعة"]


def test_long_words_are_parted_where_their_writer_says() -> None:
    """At a soft hyphen, which shows only there; a line break between words is better where it does as well."""
    parts = pieces("Edelstahl\u00adtrink\u00adflasche für alle", "de-DE")

    assert parts == ["Edelstahl\u00ad", "trink\u00ad", "flasche ", "für ", "alle"]
    assert balanced(parts, len, 30, 3) == ("Edelstahltrinkflasche für alle",)
    assert balanced(parts, len, 24, 3) == ("Edelstahltrinkflasche", "für alle")
    assert balanced(parts, len, 17, 3) == ("Edelstahltrink-", "flasche für alle")
    assert balanced(parts, len, 9, 3) is None


@given(words=st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=9), width=st.integers(9, 60))
def test_lines_are_few_and_even(words: list[str], width: int) -> None:
    """There are as few lines as greedy filling needs, and none is wider than greedy filling makes its widest."""
    parts = [word + " " for word in words]
    greedy: list[str] = []
    for word in words:
        if greedy and len(f"{greedy[-1]} {word}") <= width:
            greedy[-1] += f" {word}"
        else:
            greedy.append(word)

    lines = balanced(parts, len, width, 99)

    assert lines is not None
    assert len(lines) == len(greedy)
    assert max(map(len, lines)) <= max(map(len, greedy))
    assert " ".join(lines) == " ".join(words)


def test_scripts_with_tall_marks_get_more_room() -> None:
    """Latin is set tight; Devanagari and Arabic are not."""
    assert leading_of("Cold") < leading_of("冷たい") < leading_of("بارد") < leading_of("ठंडा")


def test_a_font_folder_of_ones_own_comes_first(tmp_path: Path) -> None:
    """The user's file of a family is used in place of the packaged one, and changes the revision."""
    packaged = Shelf()
    shutil.copy(packaged.files["Outfit"].path, tmp_path / "mine.ttf")
    with (tmp_path / "mine.ttf").open("ab") as file:
        file.write(b"\0\0\0\0")

    own = Shelf([tmp_path])

    assert own.files["Outfit"].path == tmp_path / "mine.ttf"
    assert own.revision != packaged.revision


def test_a_weight_is_cut_to_the_same_bytes_every_time(tmp_path: Path) -> None:
    """Two machines that cut the same weight get the same font, so they draw the same pixels."""
    one, other = Shelf(cache=tmp_path / "one"), Shelf(cache=tmp_path / "other")

    assert one.static("Outfit", "bold").read_bytes() == other.static("Outfit", "bold").read_bytes()
    assert one.static("Outfit", "bold").name != one.static("Outfit", "medium").name


def test_a_struck_price_has_a_line_through_it(typesetter: Typesetter) -> None:
    """The former price is crossed out from end to end."""
    fitted = Fitted(("$39.90",), 80, 100)

    plain, struck = (
        typesetter.draw_runs([[Run("$39.90", RED, struck=struck)]], fitted, face("en-US"), "centre", "t")
        for struck in (False, True)
    )

    rows = (struck[..., 3] > 200).mean(1)
    assert rows.max() > (plain[..., 3] > 200).mean(1).max() + 0.2
    assert margin_px(fitted) < int(rows.argmax()) < struck.shape[0] - margin_px(fitted)


@pytest.mark.parametrize(
    "body",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 40"><path d="M0 0h100v40H0z" fill="#fff"/></svg>',
        b'<svg xmlns="http://www.w3.org/2000/svg" width="50" height="20"><path d="M0 0h50v20H0z" fill="#fff"/></svg>',
    ],
)
def test_a_logo_fills_its_room(body: bytes) -> None:
    """Vector logos are drawn at the size they are shown in, with a viewBox or with a size."""
    picture = logo_picture(body, (300, 60), "test")

    assert picture.shape == (60, 150, 4)
    assert (tinted(picture, RED)[30, 70] == (255, 0, 0, 255)).all()


@pytest.mark.parametrize("body", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<svg", b"no picture"])
def test_a_broken_logo_is_an_error(body: bytes) -> None:
    """What cannot be drawn names its variant."""
    with pytest.raises(MediaError, match="variant-7: the logo"):
        logo_picture(body, (300, 60), "variant-7")


@given(x=st.integers(-30, 30), y=st.integers(-30, 30))
def test_stacking_cuts_what_lies_outside(x: int, y: int) -> None:
    """A picture laid over another never changes its size, and covers it where it is opaque."""
    below, above = np.zeros((20, 20, 4), np.uint8), np.full((10, 10, 4), 255, np.uint8)

    result = stacked(below, above, x, y)

    across, down = (max(min(place + 10, 20) - max(place, 0), 0) for place in (x, y))
    assert result.shape == below.shape
    assert int((result[..., 3] == 255).sum()) == across * down


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hot ☕ now", [("Hot ", False), ("☕", True), (" now", False)]),
        ("1️⃣ ❤️ ❤", [("1️⃣", True), (" ", False), ("❤️", True), (" ❤", False)]),
        ("👩‍👩‍👧👍🏽🇩🇪", [("👩‍👩‍👧👍🏽🇩🇪", True)]),
        ("€ 19 → ™", [("€ 19 → ™", False)]),
        ("日本", [("日本", False)]),
        ("", []),
    ],
)
def test_emoji_are_what_unicode_shows_in_colour(text: str, expected: list[tuple[str, bool]]) -> None:
    """By their own presentation, or because someone asked for it; families, skins and flags stay whole."""
    assert emoji_stretches(text) == expected


@pytest.mark.parametrize("tag", ["en-US", "ja-JP", "ar-EG"])
def test_emoji_are_drawn_from_the_font_of_emoji(typesetter: Typesetter, tag: str) -> None:
    """Whatever other font has them too, as Japanese ones do."""
    fitted = Fitted(("",), 80, 100)

    picture = typesetter.draw_runs([[Run("24 ☕ ❤️", (255, 255, 255))]], fitted, face(tag), "centre", "t")

    families = typesetter.shelf.families_for("24 ☕ ❤️", face(tag).families, "t")
    rows = picture.reshape(-1, 4).astype(int)
    coloured = (rows[:, 3] == 255) & (rows[:, :3].max(1) - rows[:, :3].min(1) > 60)
    assert families[-1] == EMOJI_FAMILIES[0]
    assert coloured.sum() > 500


def test_the_font_of_emoji_is_fetched_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there stays; another file in its place is refused with the command that cures it."""
    assert emoji_font.set_up(emoji_font.emoji_font()) is False
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    path = emoji_font.emoji_font()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"another font")

    with pytest.raises(
        MediaError, match=r"not the file this version was made with.*python -m renderer.picture.emoji_font"
    ):
        Shelf()


def test_without_the_font_of_emoji_they_have_one_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that could not fetch it still draws every emoji."""
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    assert Shelf().families_for("Hot ☕", ["Outfit"], "t") == ("Outfit", EMOJI_FAMILIES[1])

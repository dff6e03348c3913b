"""Ads look as they did when somebody last looked at them: every style, every script; and move as their curves say."""

from __future__ import annotations

import itertools
from itertools import pairwise
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont

import style_pictures
from campaign_folder import CAMPAIGN, expanded, write_campaign
from catalog import Refusal, Variant
from catalog.campaign import StyleName
from catalog.errors import CatalogError
from renderer.errors import MediaError
from renderer.picture.backings import backing_colour
from renderer.picture.canvas import contrast, to_rgb
from renderer.picture.frame import Box, Frame
from renderer.picture.layout import EndSizes, arrange_end_card
from renderer.picture.lettering import Pen
from renderer.picture.motion import CubicBezier, Motion, Spring
from renderer.picture.shapes import SHAPES, Shape, shape_picture, tilted
from renderer.picture.staging import DROP_FRAMES
from renderer.picture.styles import STYLES, Backing
from style_pictures import BRAND, FOLDER, FORMATS, LOCALES, PICTURES, WORDS, picture, show_of, typesetter
from test_caption_pictures import unlike

LINK = "https://aurora.example/p/bottle-750?utm_source=ad"
SHAPES_OF_FRAMES = ("story_9x16", "feed_4x5", "square_1x1", "wide_16x9")
MOST_UNLIKE = 30  # of 255, in the worst pixel after blurring; JPEG makes up to 12 of it


@pytest.mark.parametrize("name", PICTURES)
def test_ads_look_as_they_did(name: str) -> None:
    """After a change that is meant, look at what `python tests/style_pictures.py` draws, and commit it."""
    expected = cv2.imread(str(FOLDER / f"{name}.jpg"))[..., ::-1]

    assert unlike(picture(*PICTURES[name]), expected) < MOST_UNLIKE


@pytest.mark.parametrize("style", STYLES)
def test_a_shifted_layout_is_seen(style: str) -> None:
    """The comparison would notice an ad whose layout moved by three of 270 pixels, and tells styles apart."""
    seen = picture(style, "en-US", "story_9x16", 170)
    other = next(name for name in STYLES if name != style)

    assert unlike(np.roll(seen, 3, 0), seen) > MOST_UNLIKE
    assert unlike(np.roll(seen, 3, 1), seen) > MOST_UNLIKE
    assert unlike(picture(other, "en-US", "story_9x16", 170), seen) > MOST_UNLIKE


@pytest.mark.parametrize("style", STYLES)
def test_texts_are_apart_safe_and_readable(style: str) -> None:
    """In every format and script: inside the safe area, no two texts at one place at once, contrast of 4.5 or more."""
    for number, locale in enumerate(WORDS):
        for format_id in SHAPES_OF_FRAMES[number % 2 :: 2]:
            texts = [one for one in show_of(style, locale, format_id).placed if one.role not in ("product", "logo")]
            boxes = [Box(text.x, text.y, text.width, text.height) for text in texts]
            safe = Frame(FORMATS[format_id], False).safe

            assert all(box.within(safe) for box in boxes)
            assert all(text.contrast is not None and text.contrast >= 4.5 for text in texts)
            for number, (one, box) in enumerate(zip(texts, boxes, strict=True)):
                for other, its in list(zip(texts, boxes, strict=True))[number + 1 :]:
                    apart = one.last_frame <= other.first_frame or other.last_frame <= one.first_frame
                    assert apart or not box.meets(its), (format_id, locale, one, other)


@pytest.mark.parametrize("style", STYLES)
def test_what_stands_behind_a_product_meets_no_text(style: str) -> None:
    """Whatever the product's shape: texts without a ground of their own are seen on the take, as they were measured."""
    for product in ("aur-mug-350", "aur-speaker-one"):
        for format_id in ("story_9x16", "feed_4x5", "square_1x1", "wide_16x9"):
            for locale in ("en-US", "ar-EG"):
                show = show_of(style, locale, format_id, product)
                texts = [one for one in show.placed if one.role in ("logo", "headline", "subline", "legal")]

                assert bool(show.behind) == (style != "classic")
                for layer, text in itertools.product(show.behind, texts):
                    apart = layer.last - layer.exit_frames <= text.first_frame or text.last_frame <= layer.first
                    box = Box(round(layer.x), round(layer.y), layer.sprite.width, layer.sprite.height)
                    assert apart or not box.meets(Box(text.x, text.y, text.width, text.height)), (product, text)


def test_a_product_stands_out_from_its_backing() -> None:
    """The first colour that is unlike the product is taken; none where the product has all of them."""
    wanted = Backing("arch", ("paper", "ink"))
    red, white, grey = (
        np.full((4, 4, 4), (*colour, 255), np.float32) for colour in ((200, 40, 30), (250,) * 3, (128,) * 3)
    )
    alike = BRAND.model_copy(update={"paper": "#7A7A7A", "ink": "#888888"})

    assert backing_colour(wanted, red, BRAND) == (255, 255, 255)
    assert backing_colour(wanted, white, BRAND) == (0x15, 0x18, 0x1E)
    assert backing_colour(wanted, grey, alike) is None


def test_a_campaign_names_its_style(tmp_path: Path) -> None:
    """It is part of every variant; one that there is not is an error with the list of those there are."""
    write_campaign(tmp_path, campaign=CAMPAIGN + "style: retail\n")
    assert {one.style for one in expanded(tmp_path) if isinstance(one, Variant)} == {"retail"}

    write_campaign(tmp_path, campaign=CAMPAIGN + "style: baroque\n")
    with pytest.raises(CatalogError, match="'classic', 'editorial', 'retail', 'luxury', 'playful' or 'tech'"):
        expanded(tmp_path)


def test_a_code_holds_a_web_address(tmp_path: Path) -> None:
    """Written with the product's own words; anything but a web address is refused with its place."""
    for page in ("https://aurora.example/", ""):
        card = f'headline: Aurora, qr: "{page}{{{{ product.id }}}}",'
        write_campaign(tmp_path, campaign=CAMPAIGN.replace("headline: Aurora,", card))
        told = expanded(tmp_path)
        if page:
            links = {one.end_card.qr for one in told if isinstance(one, Variant) and one.end_card}
            assert "https://aurora.example/cup" in links
        else:
            reasons = {one.reason for one in told if isinstance(one, Refusal)}
            assert any("end_card.qr" in reason and "'cup' is no web address" in reason for reason in reasons), reasons


def test_the_names_agree() -> None:
    """What a campaign may write is what there is, and each style knows its own name."""
    assert tuple(STYLES) == get_args(StyleName)
    assert all(name == style.name for name, style in STYLES.items())


def test_the_brand_comes_before_the_style() -> None:
    """Its own font and corner radius are used in every style."""
    frame = Frame(FORMATS["square_1x1"], False)
    own = BRAND.model_copy(update={"headline_font": "Outfit", "corner_radius": 0.0})
    pens = [Pen(typesetter(), brand, LOCALES["en-US"], frame, "v", STYLES["retail"]) for brand in (BRAND, own)]
    buttons = [pen.button("Shop now").pictures[0][0] for pen in pens]

    assert [pen.display("Shop now").families[0] for pen in pens] == ["Archivo", "Outfit"]
    assert [int(button[0, 0, 3]) for button in buttons] == [0, 255]


def test_the_brand_has_a_text_font_of_its_own() -> None:
    """For sublines and legal lines that it has all letters of; one that is not installed is an error with its name."""
    frame = Frame(FORMATS["square_1x1"], False)
    own, missing = (BRAND.model_copy(update={"text_font": name}) for name in ("Archivo", "Grail Sans"))
    pens = {tag: Pen(typesetter(), own, LOCALES[tag], frame, "v", STYLES["luxury"]) for tag in ("de-DE", "ja-JP")}

    assert pens["de-DE"].running("Gemacht für jeden Tag").families[0] == "Archivo"
    assert pens["ja-JP"].running("毎日のために").families == LOCALES["ja-JP"].fonts
    with pytest.raises(MediaError, match="font 'Grail Sans' is not installed"):
        Pen(typesetter(), missing, LOCALES["de-DE"], frame, "v").text(
            "Tag", "subline", frame.slot("subline"), (0, 0, 0)
        )


def test_capitals_follow_the_language() -> None:
    """Turkish i keeps its dot, Greek loses its accents, German ß becomes SS; scripts without capitals stay."""
    words = {"tr-TR": ("İyi", "İYİ"), "de-DE": ("Spaß", "SPASS"), "ar-EG": ("الآن", "الآن"), "el-GR": ("Μέλι", "ΜΕΛΙ")}
    frame = Frame(FORMATS["square_1x1"], False)
    for tag, (written, shown) in words.items():
        locale = LOCALES["en-US"].model_copy(update={"tag": tag})
        pen = Pen(typesetter(), BRAND, locale, frame, "v", STYLES["luxury"])
        told, face, _ = pen._as_styled(written, "headline", frame.slot("headline"))

        assert told == shown
        assert (face.tracking == 0) == (tag == "ar-EG")


def test_no_line_mixes_a_face_with_one_that_has_its_letters() -> None:
    """A style's face stands aside in texts with letters it lacks; a brand's own font is used where it can be."""
    frame = Frame(FORMATS["square_1x1"], False)
    own = BRAND.model_copy(update={"headline_font": "Outfit"})
    styled, branded = (
        Pen(typesetter(), brand, LOCALES["ja-JP"], frame, "v", STYLES["luxury"]) for brand in (BRAND, own)
    )
    mixed = LOCALES["ja-JP"].fonts

    assert styled.display("Aurora 24 🧊").families == ("Cormorant Garamond", *mixed)
    assert styled.display("Aurora 24時間").families == mixed
    assert branded.display("Aurora 24時間").families == ("Outfit", *mixed)


@pytest.mark.parametrize("family", ["Playfair Display", "Cormorant Garamond"])
def test_figures_of_prices_are_as_tall_as_capitals(family: str) -> None:
    """Serifs whose figures go up and down by design are given their lining ones."""
    with TTFont(typesetter().shelf.static(family, "bold")) as font:
        drawn = font.getGlyphSet()
        heights = []
        for letter in "H0123456789":
            pen = BoundsPen(drawn)
            drawn[font.getBestCmap()[ord(letter)]].draw(pen)
            heights.append(pen.bounds[3] - max(pen.bounds[1], 0))

    assert heights == pytest.approx([heights[0]] * 11, rel=0.08)


def test_a_price_drops() -> None:
    """The former price alone, then struck through, then both: three pictures of one size that follow one another."""
    show = show_of("retail", "en-US", "story_9x16")
    badge = next(one for one in show.placed if one.role == "badge")
    at = [layer for layer in show.layers if (layer.x, layer.y) == (badge.x // 2 * 2, badge.y // 2 * 2)]

    assert [layer.last - layer.first for layer in at[:2]] == list(DROP_FRAMES)
    assert [layer.first for layer in at[1:]] == [layer.last for layer in at[:2]]
    assert len({layer.sprite.y.shape for layer in at}) == 1
    assert at[-1].last == badge.last_frame


@pytest.mark.parametrize("style", STYLES)
def test_telephones_read_the_code(style: str) -> None:
    """In every format, left to right and right to left, a scanner finds the link on the last frame, in the safe area."""
    for format_id, locale in zip(SHAPES_OF_FRAMES, ("en-US", "ar-EG", "ar-EG", "de-DE"), strict=True):
        show = show_of(style, locale, format_id, qr=LINK)
        code = next(one for one in show.placed if one.role == "qr")
        seen = np.ascontiguousarray(to_rgb(show.frame(show.num_frames - 1))[..., ::-1])

        assert cv2.QRCodeDetector().detectAndDecode(seen)[0] == LINK
        assert Box(code.x, code.y, code.width, code.height).within(Frame(FORMATS[format_id], False).safe)


def test_a_code_nobody_could_read_is_an_error() -> None:
    """Too long a link makes too small dots; the sentence says so with numbers."""
    with pytest.raises(MediaError, match=r"has 520 letters, too many for a code of \d+ px: its dots would be .* px"):
        show_of("classic", "en-US", "square_1x1", qr="https://aurora.example/" + "x" * 497)


def test_texts_that_leave_no_room_for_the_code_are_an_error() -> None:
    """The code is never made too small, nor left out in silence."""
    frame = Frame(FORMATS["square_1x1"], False)
    sizes = EndSizes((440, 104), headline=(900, 145), cta=(300, 104), legal=(900, 66), caption=(900, 250), has_qr=True)

    assert "qr" not in arrange_end_card(frame, sizes, (100, 100))


@pytest.mark.parametrize("fill", ["#FFC24B", "#808080", "#0A0A0A"])
def test_end_cards_in_the_accent_read_well(fill: str) -> None:
    """A style sinks the end card in the accent only if ink or paper stands out from it; the button differs from it."""
    brand = BRAND.model_copy(update={"accent": fill})
    frame = Frame(FORMATS["square_1x1"], False)
    pen = Pen(typesetter(), brand, LOCALES["en-US"], frame, "v", STYLES["retail"])
    button = pen.button("Shop now").pictures[0][0]

    assert float(contrast(pen.ink_on(pen.end_fill), pen.end_fill)) >= 4.5
    assert tuple(button[button.shape[0] // 2, 8, :3]) != pen.end_fill


@pytest.mark.parametrize(
    "curve", [style.text_motion.curve for style in STYLES.values() if style.text_motion], ids=lambda curve: repr(curve)
)
def test_motion_begins_and_ends_at_rest(curve: CubicBezier | Spring) -> None:
    """From 0 to 1, without a jump, never far beyond."""
    way = [curve(step / 200) for step in range(201)]

    assert (way[0], way[-1]) == (0.0, 1.0)
    assert max(abs(after - before) for before, after in pairwise(way)) < 0.08
    assert -0.01 < min(way) <= max(way) < 1.5


def test_a_bezier_is_that_of_css() -> None:
    """`ease` of CSS, cubic-bezier(0.25, 0.1, 0.25, 1), is at 0.8024 half way; a diagonal one is a straight line."""
    assert CubicBezier(0.25, 0.1, 0.25, 1.0)(0.5) == pytest.approx(0.8024, abs=1e-3)
    assert [CubicBezier(1 / 3, 1 / 3, 2 / 3, 2 / 3)(x) for x in (0.1, 0.5, 0.9)] == pytest.approx([0.1, 0.5, 0.9])


def test_an_entrance_ends_where_the_text_stands() -> None:
    """At its end a pose is no pose: no shift, own size, opaque."""
    pose = Motion(frames=10, curve=Spring(), dx_px=30, dy_px=-20, scale_from=0.4).pose(1.0)

    assert (pose.dx, pose.dy, pose.scale, pose.opacity) == (0, 0, 1, 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_fill_their_box(shape: Shape) -> None:
    """They reach all four sides, are whole in the middle, and symmetric about it."""
    alpha = shape_picture(shape, 300, 120, 20, (255, 0, 0))[..., 3].astype(int)

    assert min(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) > 100
    assert (alpha[40:80, 40:260] == 255).all()
    assert np.abs(alpha - alpha[::-1, ::-1]).max() <= 1


def test_a_tilted_picture_loses_nothing() -> None:
    """It is larger, its edge is empty, and it holds as much as before."""
    before = shape_picture("block", 200, 80, 0, (255, 255, 255))
    after = tilted(before, 7)

    assert after[[0, -1]].max() == after[:, [0, -1]].max() == 0
    assert after[..., 3].sum() == pytest.approx(float(before[..., 3].sum()), rel=0.01)
    assert style_pictures.FOLDER.is_dir()

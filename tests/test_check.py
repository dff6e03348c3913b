"""Good creatives pass every check; every fault is found, by its own check, with a number, a limit and a cure."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from catalog import Captions, Format, Look, Music, SafeArea, Scene, Variant
from catalog.caption_rules import caption_rules
from catalog.expand import EndCard
from renderer.artifacts import Checked, CheckJob, Creative, Placed
from renderer.check import CHECKS, check, check_creative
from renderer.digest import file_sha256
from renderer.engine import InlineEngine
from renderer.media import Encoding, Planes, to_planes, write_creative
from renderer.picture.qr import qr_picture
from renderer.sound import mix
from renderer.store import Store, open_store
from renderer.versions import checked_key

WIDTH, HEIGHT, RATE, NUM_FRAMES = 90, 160, 20, 40
WEBVTT = "WEBVTT\n\n00:00:00.100 --> 00:00:01.500\nColder for longer\n"
FORMAT = Format(
    id="story_9x16",
    width=WIDTH,
    height=HEIGHT,
    frame_rate=RATE,
    min_duration_s=1.0,
    max_duration_s=60.0,
    loudness_lufs=-14.0,
    loudness_tolerance_lu=1.0,
    peak_dbtp=-1.0,
    max_size_mb=4.0,
    safe_area=SafeArea(top=20, right=10, bottom=30, left=10),
    placements=("stories",),
    source="a test",
    as_of=date(2026, 11, 1),
)
SCENE = Scene(
    id="hero",
    duration_s=1.0,
    look=Look(scene="silk", palette=("#101010", "#808080", "#F0F0F0")),
    prompt="",
    negative_prompt="",
    product="composite",
    headline="Colder for longer",
    subline="",
    badge="Now 19,90\u00a0€",
    badge_was="",
    narration="Colder for longer.",
)
VARIANT = Variant(
    id="launch/bottle/de-DE/story_9x16",
    campaign="launch",
    product_id="bottle",
    locale="de-DE",
    format="story_9x16",
    axes={},
    image_sha256="0" * 64,
    has_cutout=True,
    price="24,90\u00a0€",
    sale_price="19,90\u00a0€",
    scenes=(SCENE,),
    end_card=EndCard(duration_s=1.0, headline="Aurora", cta="Shop", legal="", narration=""),
    music=Music(),
)
TIMES = {"first_frame": 0, "last_frame": 20}
HEADLINE = Placed(role="headline", text="Colder", x=12, y=25, width=60, height=20, contrast=9.1, **TIMES)
BADGE = Placed(role="badge", text="Now 19,90 €", x=12, y=50, width=40, height=15, contrast=7.0, **TIMES)
CTA = HEADLINE.model_copy(update={"role": "cta", "text": "Shop", "y": 30, "first_frame": 20, "last_frame": 40})
PRODUCT = Placed(role="product", text="", first_frame=0, last_frame=40, x=0, y=0, width=90, height=160)


def pictures(width: int = WIDTH, height: int = HEIGHT, num_frames: int = NUM_FRAMES) -> list[Planes]:
    cloud = cv2.resize(np.random.default_rng(3).integers(60, 256, (5, 4, 3), np.uint8), (width + 40, height + 40))
    return [to_planes(cloud[i % 40 : i % 40 + height, i % 40 : i % 40 + width]) for i in range(num_frames)]


def standing(num_moving: int, num_still: int, still: Planes | None = None) -> list[Planes]:
    frames = pictures(num_frames=num_moving + 1)
    return frames[:-1] + [still or frames[-1]] * num_still


BLACK = to_planes(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
SOUND = mix([], Music(), 2.0, -14.0, -1.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}/store", tmp_path / "cache")


def job_for(creative: Creative, variant: Variant = VARIANT, format: Format = FORMAT) -> CheckJob:
    return CheckJob(creative=creative, variant=variant, format=format, captions=caption_rules("de"))


def filed(
    store: Store,
    folder: Path,
    frames: list[Planes] | None = None,
    sound: np.ndarray = SOUND,
    webvtt: str = WEBVTT,
    **changes: Any,
) -> Creative:
    """Make a small creative and put it into the store; `width` is that of the file."""
    width, height = changes.pop("width", WIDTH), HEIGHT
    frames = frames or pictures(width, height)
    path = folder / "made.mp4"
    write_creative(path, frames, sound, Encoding(width, height, changes.pop("file_rate", RATE)))
    store.put_file("creatives/c1.mp4", path)
    store.put_bytes("creatives/c1.vtt", webvtt.encode())
    facts: dict[str, Any] = {
        "key": "c1",
        "variant_id": VARIANT.id,
        "object": "creatives/c1.mp4",
        "webvtt": "creatives/c1.vtt",
        "srt": "creatives/c1.srt",
        "ttml": "creatives/c1.ttml",
        "poster": "creatives/c1.jpg",
        "sha256": file_sha256(path),
        "size_bytes": path.stat().st_size,
        "width": WIDTH,
        "height": HEIGHT,
        "num_frames": len(frames),
        "frame_rate": RATE,
        "placed": (PRODUCT, HEADLINE, BADGE, CTA),
    }
    return Creative.model_validate(facts | changes)


def faults(checked: Checked) -> dict[str, str]:
    return {finding.check: finding.severity for finding in checked.findings if finding.severity != "ok"}


def test_a_good_creative_passes_every_check(store: Store, tmp_path: Path) -> None:
    """Every check is there, each says what it measured; the facts are in the record."""
    checked = check_creative(job_for(filed(store, tmp_path), VARIANT, FORMAT), store)

    assert faults(checked) == {}
    assert checked.passed
    assert tuple(finding.check for finding in checked.findings) == CHECKS
    assert all(finding.measured and finding.limit and not finding.message for finding in checked.findings)
    assert (checked.video_codec, checked.audio_codec, checked.duration_s) == ("h264", "aac", 2.0)
    assert checked.loudness_lufs == pytest.approx(-14.0, abs=0.5)
    assert store.get_record(checked_key("c1"), Checked) == checked


LONG_STILL = {"frames": standing(10, 50), "sound": mix([], Music(), 3.0, -14.0, -1.0)}
BRIEF = {
    "frames": pictures(num_frames=16),
    "sound": mix([], Music(), 0.8, -14.0, -1.0),
    "webvtt": WEBVTT.replace("01.5", "00.7"),
}
BAD_FILES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "wrong size": ({"width": 96}, {"frame_size"}),
    "a frame missing": ({"num_frames": 41}, {"frame_count"}),
    "wrong rate": ({"file_rate": 25}, {"frame_rate", "frame_count", "audio_length"}),
    "too short": (BRIEF, {"length", "caption_timing", "caption_speed"}),
    "sound ends early": ({"sound": SOUND[:72_000]}, {"audio_length"}),
    "too quiet": ({"sound": SOUND * 0.5}, {"loudness"}),
    "no sound to hear": ({"sound": SOUND * 0}, {"loudness"}),
    "too loud": ({"sound": SOUND * 3.2}, {"loudness", "true_peak"}),
    "black": ({"frames": standing(30, 10, BLACK)}, {"black"}),
    "frozen": (LONG_STILL, {"frozen"}),
    "other bytes": ({"sha256": "f" * 64}, {"integrity"}),
    "no captions": ({"webvtt": "WEBVTT\n"}, {"captions"}),
    "captions past the end": ({"webvtt": WEBVTT.replace("01.500", "02.400")}, {"captions"}),
}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_every_fault_of_a_file_is_found(store: Store, tmp_path: Path, fault: str) -> None:
    """By the checks that are about it, and by no other."""
    changes, expected = BAD_FILES[fault]
    variant = VARIANT.model_copy(update={"end_card": None}) if fault == "frozen" else VARIANT

    checked = check_creative(job_for(filed(store, tmp_path, **changes), variant, FORMAT), store)

    assert set(faults(checked)) == expected
    assert all(finding.message.endswith(".") for finding in checked.findings if finding.severity != "ok")
    assert checked.passed == (expected <= {"frozen", "faststart"})


FOREIGN = ("video_coding", "colour_tags", "audio_coding", "file_size", "faststart")  # what other programs do


def moved(placed: Placed, **changes: Any) -> tuple[Placed, ...]:
    return (placed.model_copy(update=changes),)


BAD_TEXTS: dict[str, tuple[tuple[Placed, ...], str]] = {
    "over the left edge": (moved(HEADLINE, x=9), "safe_area"),
    "over the top": (moved(HEADLINE, y=19), "safe_area"),
    "over the right edge": (moved(HEADLINE, width=69), "safe_area"),
    "under the buttons": (moved(HEADLINE, y=111), "safe_area"),
    "text on text": ((HEADLINE, *moved(BADGE, y=44)), "text_overlap"),
    "pale": (moved(HEADLINE, contrast=4.4), "contrast"),
    "old price": (moved(BADGE, text="Now 17,90 €"), "price_shown"),
}


@pytest.mark.parametrize("fault", BAD_TEXTS)
def test_every_fault_of_the_lettering_is_found(store: Store, tmp_path: Path, fault: str) -> None:
    """And the message names the text."""
    placed, expected = BAD_TEXTS[fault]

    checked = check_creative(job_for(filed(store, tmp_path, placed=placed), VARIANT, FORMAT), store)

    assert faults(checked) == {expected: "error"}
    message = next(finding.message for finding in checked.findings if finding.check == expected)
    assert placed[-1].text in message


CAPTIONED = VARIANT.model_copy(update={"captions": Captions(kind="captions")})
BAD_CAPTIONS: dict[str, tuple[str, Variant, str, str]] = {
    "three lines": ("00:00:00.100 --> 00:00:01.900\na\nb\nc", VARIANT, "caption_layout", "3 lines at 0.10 s"),
    "a long line": (f"00:00:00.000 --> 00:00:02.000\n{'ab ' * 15}", VARIANT, "caption_layout", "characters"),
    "gone at once": ("00:00:00.100 --> 00:00:00.300\nhi", VARIANT, "caption_timing", "0.20 s at 0.10 s"),
    "a gap of one frame": (
        "00:00:00.000 --> 00:00:00.900\na\n\n2\n00:00:00.950 --> 00:00:01.900\nb", VARIANT, "caption_timing", "50 ms"
    ),
    "read in no time": (
        "00:00:00.000 --> 00:00:01.000\nColder for longer than ever", VARIANT, "caption_speed", "27.0 characters per second"
    ),
    "music untold": ("00:00:00.100 --> 00:00:01.500\nColder for longer", CAPTIONED, "sounds_told", "[fröhliche Musik]"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_CAPTIONS)
def test_every_limit_of_captions_that_is_not_kept_is_found(store: Store, tmp_path: Path, fault: str) -> None:
    """As a warning that names cue and number; people decide."""
    cues, variant, expected, told = BAD_CAPTIONS[fault]

    checked = check_creative(job_for(filed(store, tmp_path, webvtt=f"WEBVTT\n\n1\n{cues}\n"), variant), store)

    assert expected in faults(checked)
    assert set(faults(checked).values()) == {"warning"}
    assert told in next(finding.message for finding in checked.findings if finding.check == expected)


def test_captions_that_lie_over_each_other_are_refused(store: Store, tmp_path: Path) -> None:
    """Players would show both, one on top of the other."""
    cues = "1\n00:00:00.000 --> 00:00:01.200\na\n\n2\n00:00:01.000 --> 00:00:02.000\nb"

    checked = check_creative(job_for(filed(store, tmp_path, webvtt=f"WEBVTT\n\n{cues}\n")), store)

    assert faults(checked) == {"captions": "error"}


@pytest.mark.parametrize("text", ["Now 19,90\u202f€", "24,90 €", "\u206719,90 €\u2069", "−20 %", "New", "2 in 1"])
def test_the_right_price_and_other_badges_pass(store: Store, tmp_path: Path, text: str) -> None:
    """Whatever spaces and direction marks the layout put in; what is no amount of money is none."""
    checked = check_creative(job_for(filed(store, tmp_path, placed=moved(BADGE, text=text)), VARIANT, FORMAT), store)

    assert faults(checked) == {}


def test_texts_that_follow_each_other_may_share_a_place(store: Store, tmp_path: Path) -> None:
    """Frame 20 no longer shows what ends at 20."""
    placed = (HEADLINE, *moved(CTA, x=HEADLINE.x, y=HEADLINE.y))

    assert check_creative(job_for(filed(store, tmp_path, placed=placed), VARIANT, FORMAT), store).passed


def test_an_end_card_may_stand_still(store: Store, tmp_path: Path) -> None:
    """The same still that is a fault within the story."""
    variant = VARIANT.model_copy(update={"end_card": VARIANT.end_card.model_copy(update={"duration_s": 2.5})})

    assert faults(check_creative(job_for(filed(store, tmp_path, **LONG_STILL), variant, FORMAT), store)) == {}


def test_an_ad_may_be_silent_on_purpose(store: Store, tmp_path: Path) -> None:
    """No music, nothing to say, no captions: nothing to find."""
    mute = SCENE.model_copy(update={"narration": ""})
    variant = VARIANT.model_copy(update={"music": Music(mood="none"), "scenes": (mute,)})

    assert (
        faults(check_creative(job_for(filed(store, tmp_path, sound=SOUND * 0, webvtt=""), variant, FORMAT), store))
        == {}
    )


def test_another_voice_or_none_is_a_warning(store: Store, tmp_path: Path) -> None:
    """It names who speaks, why and the cure, and keeps nothing from being published."""
    departure = "polly:Vicki failed and pico:de-DE speaks: no region. Set one."
    creative = filed(store, tmp_path, voices=("pico:de-DE",), departures=(departure,))

    checked = check_creative(job_for(creative), store)

    found = next(finding for finding in checked.findings if finding.check == "voices")
    assert faults(checked) == {"voices": "warning"}
    assert (found.measured, found.message) == ("pico:de-DE", departure)
    assert checked.passed


def test_a_scene_that_grew_for_its_line_is_a_warning(store: Store, tmp_path: Path) -> None:
    """It names the scene and by how much; a line that is only spoken faster is told and passes."""
    paces, grown = ("scene hero 1.12 times as fast",), ("scene offer by 0.8 s",)
    hurried = check_creative(job_for(filed(store, tmp_path, paces=paces)), store)
    longer = check_creative(job_for(filed(store, tmp_path, paces=paces, grown=grown, key="c2")), store)

    found = {one.check: one for one in (*hurried.findings,)}["pace"]
    assert (found.severity, found.measured) == ("ok", "scene hero 1.12 times as fast")
    found = {one.check: one for one in (*longer.findings,)}["pace"]
    assert (found.severity, found.measured) == (
        "warning", "scene hero 1.12 times as fast; scene offer by 0.8 s longer",
    )  # fmt: skip
    assert "narration_short" in found.message
    assert longer.passed


def test_an_ad_whose_lines_are_only_shown_may_be_silent(store: Store, tmp_path: Path) -> None:
    """Without music there is nothing to hear; with a voice there would be."""
    variant = VARIANT.model_copy(update={"music": Music(mood="none")})
    shown, spoken = (filed(store, tmp_path, sound=SOUND * 0, voices=voices) for voices in ((), ("pico:de-DE",)))

    assert faults(check_creative(job_for(shown, variant), store)) == {}
    assert "loudness" in faults(check_creative(job_for(spoken.model_copy(update={"key": "c2"}), variant), store))


@pytest.mark.parametrize("damage", ["cut", "garbled", "empty", "no video"])
def test_a_broken_file_is_a_finding(store: Store, tmp_path: Path, damage: str) -> None:
    """Not a crash; what could be read is still told."""
    creative = filed(store, tmp_path)
    path = store.local(creative.object)
    body = path.read_bytes()
    broken = {"cut": body[:-2000], "garbled": body[:6000] + bytes(3000) + body[9000:], "empty": b"", "no video": b"no"}
    path.chmod(0o644)
    path.write_bytes(broken[damage])

    checked = check_creative(job_for(creative, VARIANT, FORMAT), store)

    assert not checked.passed
    assert faults(checked)["integrity"] == "error"
    assert checked.loudness_lufs == -70.0
    assert Checked.model_validate_json(checked.model_dump_json()) == checked


def test_the_same_bytes_are_checked_once(store: Store, tmp_path: Path) -> None:
    """A second run reads the record; other bytes under the same key are looked at again."""
    creative = filed(store, tmp_path)
    job = job_for(creative)
    first = next(check([job], store, InlineEngine())).value
    store.local(creative.object).unlink()

    again = next(check([job], store, InlineEngine()))
    other = creative.model_copy(update={"sha256": "e" * 64})
    changed = next(check([job.model_copy(update={"creative": other})], store, InlineEngine()))

    assert again.value == first
    assert again.seconds == 0.0
    assert changed.error is not None
    assert "there is no such object" in changed.error


def test_every_check_can_fail() -> None:
    """No check without a test that makes it fail."""
    covered = {name for _, names in BAD_FILES.values() for name in names} | {name for _, name in BAD_TEXTS.values()}
    covered |= {name for _, _, name, _ in BAD_CAPTIONS.values()}

    assert covered | set(FOREIGN) | {"voices", "pace", "qr_code"} == set(CHECKS)


def test_a_code_that_cannot_be_read_is_found(store: Store, tmp_path: Path) -> None:
    """It is read off the film; another link, or a code that is not there, is a warning with both."""
    link = "https://aurora.example/p/1"
    code = qr_picture(link, WIDTH, 0.25, ((0, 0, 0), (255, 255, 255)), 0, "code")
    screen = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    screen[40 : 40 + code.shape[0], 4 : 4 + code.shape[1]] = code[..., :3]
    placed = Placed(role="qr", text=link, first_frame=30, last_frame=40, x=10, y=40, width=70, height=70)
    creative = filed(store, tmp_path, standing(30, 10, to_planes(screen)), placed=(PRODUCT, placed))
    assert VARIANT.end_card is not None
    for wanted, severity in ((link, "ok"), ("https://aurora.example/other", "warning")):
        card = VARIANT.end_card.model_copy(update={"qr": wanted})
        checked = check_creative(job_for(creative, VARIANT.model_copy(update={"end_card": card})), store)
        finding = next(one for one in checked.findings if one.check == "qr_code")

        assert (finding.severity, finding.measured, finding.limit) == (severity, link, wanted)


def test_what_other_programs_write_is_found(store: Store, tmp_path: Path) -> None:
    """An untagged 4:4:4 file with mono MP3, its index last, too large for a tiny limit."""
    creative = filed(store, tmp_path)
    path = tmp_path / "other.mp4"
    source = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / "made.mp4")]
    untagged = "setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown"
    video = ["-vf", untagged, "-pix_fmt", "yuv444p", "-c:v", "libx264"]
    subprocess.run([*source, *video, "-c:a", "mp3", "-ac", "1", str(path)], check=True)
    other = creative.model_copy(update={"object": "creatives/o.mp4", "sha256": file_sha256(path)})
    store.put_file(other.object, path)
    tiny = FORMAT.model_copy(update={"max_size_mb": 0.001})

    found = faults(check_creative(job_for(other, VARIANT, tiny), store))

    assert set(found) >= set(FOREIGN)
    assert found["faststart"] == "warning"

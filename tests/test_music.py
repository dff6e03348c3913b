"""Every mood is music of its own that ends as music does; a campaign's own track fits its ad to the bar."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import butter, sosfilt

from catalog import CatalogError, Music
from catalog.campaign import TEMPOS
from catalog.campaign_file import load_campaign
from renderer.loudness import integrated_loudness
from renderer.media import read_sound, write_wav
from renderer.music import MOODS, RATE, beats, laid_track, synthesize_bed, why_unusable
from renderer.sound import mix

OCTAVES = [30 * 2**number for number in range(10)]  # Hz
OWN = {"file": "bed.wav", "licence": "ours"}


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def colour(bed: np.ndarray) -> np.ndarray:
    """How it sounds, in dB: the share of each octave in the whole, and how much each swells and dies."""
    shares, swells = [], []
    for low_hz in OCTAVES[:-1]:
        heard = sosfilt(butter(2, (low_hz, 2 * low_hz), "bandpass", fs=RATE, output="sos"), bed.mean(1))
        loud = np.mean(heard[: len(bed) // 4800 * 4800].reshape(-1, 4800) ** 2, 1)
        shares.append(10 * np.log10(loud.mean() / np.mean(bed**2) + 1e-5))
        swells.append(float(np.std(10 * np.log10(loud + 1e-8))))
    return np.array([*shares, *swells])


@pytest.mark.parametrize("mood", MOODS)
def test_every_mood_is_clean_sound(mood: str) -> None:
    """Full scale is never reached, nothing lies at 0 Hz, one speaker loses at most 2 LU, both sides differ."""
    bed = synthesize_bed(Music(mood=mood), 8.0)
    folded = np.repeat(bed.mean(1, keepdims=True), 2, 1)

    assert 0.49 <= np.abs(bed).max() <= 0.5 + 1e-6
    assert np.abs(bed.mean(0)).max() < 1e-3
    assert integrated_loudness(bed) - integrated_loudness(folded) < 2
    assert rms(bed[:, 0] - bed[:, 1]) > 0.1 * rms(bed)
    assert np.abs(np.diff(bed, axis=0)).max() < 0.35, "a click"


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("duration_s", [6.0, 15.0])
def test_every_mood_ends_on_the_beat_and_rings_out(mood: str, duration_s: float) -> None:
    """The last chord falls on a strong beat, is the loudest moment of the last seconds, and fades to nothing."""
    music = Music(mood=mood)
    bed = synthesize_bed(music, duration_s)
    last_s = beats(music, duration_s)[-1]

    assert round(last_s * music.bpm / 60, 6) % 2 == 0
    assert 1.5 <= duration_s - last_s <= 1.5 + 2 * 60 / music.bpm
    chord, end = (rms(bed[round(s * RATE) : round((s + 0.3) * RATE)]) for s in (last_s + 0.1, duration_s - 0.35))
    assert chord > 1.5 * end > 0
    assert np.abs(bed[-200:]).max() < 0.02


@pytest.mark.parametrize("mood", ["bright", "calm", "upbeat", "electronic", "playful"])
def test_notes_begin_on_the_beat(mood: str) -> None:
    """Far more begins to sound around half beats of the mood's own tempo than between; lofi swings, bows swell."""
    music = Music(mood=mood)
    bed = sosfilt(butter(4, 1500, "highpass", fs=RATE, output="sos"), synthesize_bed(music, 8.0).mean(1))
    level = np.convolve(bed**2, np.ones(240) / 240, "same")[::48]  # every ms
    rise = np.maximum(np.diff(level, prepend=0), 0)
    half_ms = 60 / music.bpm / 2 * 1000
    halves = np.arange(1, int(beats(music, 8.0)[-1] * 1000 / half_ms))
    on, between = (
        sum(rise[round(at) - 15 : round(at) + 30].sum() for at in half_ms * (halves + late)) for late in (0.0, 0.3)
    )

    assert on > 1.5 * between


def test_moods_sound_different() -> None:
    """Any two differ by 1.2 dB or more in the mean over octaves and how they swell, whatever the seed."""
    colours = {m: np.mean([colour(synthesize_bed(Music(mood=m, seed=s), 8.0)) for s in (7, 8)], 0) for m in MOODS}
    apart = {pair: float(np.abs(colours[pair[0]] - colours[pair[1]]).mean()) for pair in combinations(MOODS, 2)}

    assert len(MOODS) >= 8
    assert min(apart.values()) > 1.2, min(apart, key=lambda pair: apart[pair])


def test_the_same_mood_gives_the_same_samples() -> None:
    """Also when the bed is made anew; and every mood of a campaign can be played, at a tempo of its own."""
    first = {mood: synthesize_bed(Music(mood=mood), 3.0) for mood in MOODS}
    synthesize_bed.cache_clear()

    assert all(np.array_equal(first[mood], synthesize_bed(Music(mood=mood), 3.0)) for mood in MOODS)
    assert set(MOODS) | {"none"} == set(TEMPOS)
    assert Music(mood="lofi").bpm == 78
    assert Music(mood="lofi", bpm=90).bpm == 90


def clicks(bpm: float, num_beats: int, first_beat_s: float = 0.0, tail_s: float = 0.0) -> np.ndarray:
    """A short tone on every beat, an octave higher on the first of four."""
    beat = 60 / bpm
    seconds = np.arange(round((first_beat_s + num_beats * beat + tail_s) * RATE)) / RATE - first_beat_s
    number = np.floor(seconds / beat + 1e-9)
    since = seconds - number * beat
    tone = np.sin(2 * np.pi * np.where(number % 4 == 0, 1320, 660) * since) * np.exp(-since / 0.05)
    tone *= (number >= 0) & (number < num_beats)
    return np.repeat(tone[:, None], 2, 1).astype(np.float32) * np.float32(0.8)


def onsets(sound: np.ndarray) -> np.ndarray:
    """Times in s at which a click begins."""
    loud = np.abs(sound[:, 0]) > 0.05
    starts = np.flatnonzero(loud)
    return starts[np.diff(starts, prepend=-RATE) > 0.15 * RATE] / RATE


@pytest.mark.parametrize(("num_beats", "first_beat_s", "tail_s"), [(8, 0.0, 0.0), (9, 0.37, 0.2), (64, 1.1, 3.0)])
def test_an_own_track_keeps_the_beat(num_beats: int, first_beat_s: float, tail_s: float) -> None:
    """Its first beat is the ad's first moment; it repeats on bars only; every beat is where `beats` says."""
    music = Music(**OWN, bpm=120, first_beat_s=first_beat_s)
    bed = laid_track(clicks(120, num_beats, first_beat_s, tail_s), music, 11.0)

    found = onsets(bed[: 9 * RATE])
    assert bed.shape == (11 * RATE, 2)
    assert np.allclose(found, np.arange(18) / 2, atol=0.004)
    high = [np.abs(np.fft.rfft(bed[round(t * RATE) : round(t * RATE) + 4800, 0]))[132] for t in found]
    assert np.array_equal(np.flatnonzero(np.array(high) > max(high) / 2), np.arange(0, 18, 4))
    assert beats(music, 11.0)[:3] == (0.0, 0.5, 1.0)


@pytest.mark.parametrize("bpm", [0, 96])
def test_an_own_track_of_any_length_fills_the_ad_and_fades(bpm: float) -> None:
    """No hole, no click where it begins again, and nothing left at the end."""
    seconds = np.arange(5 * RATE) / RATE
    hum = np.repeat((0.4 * np.sin(2 * np.pi * 220 * seconds))[:, None], 2, 1).astype(np.float32)
    padded = np.pad(hum, ((RATE, 2 * RATE), (0, 0)))
    music = Music(**OWN, bpm=bpm, first_beat_s=1.0 if bpm else 0.0)
    for duration_s in (0.5, 3.0, 12.5):
        bed = laid_track(padded, music, duration_s)
        steady = bed[: max(round((duration_s - 2.5) * RATE), 100) // 960 * 960 or 100]
        levels = [rms(part) for part in np.array_split(steady, max(len(steady) // 960, 1))]

        assert len(bed) == round(duration_s * RATE)
        assert 0.1 < min(levels) <= max(levels) < 0.45
        assert np.abs(np.diff(bed, axis=0)).max() < 0.05
        assert np.abs(bed[-100:]).max() < 0.01


def test_voices_duck_an_own_track_as_they_duck_a_bed() -> None:
    """The mix is as loud as asked."""
    music = Music(**OWN, bpm=120)
    sound = mix([], music, 6.0, -16.0, -1.0, track=clicks(120, 64))

    assert integrated_loudness(sound) == pytest.approx(-16.0, abs=0.5)


@pytest.mark.parametrize(
    ("track", "music", "said"),
    [
        (np.zeros((RATE * 9, 2), np.float32), Music(**OWN), "is silent"),
        (clicks(120, 4)[: RATE * 2], Music(**OWN), "are needed to repeat it"),
        (clicks(120, 2), Music(**OWN, bpm=120), "a bar at 120 bpm is longer"),
        (clicks(120, 8), Music(**OWN, bpm=120, first_beat_s=30), "is silent after 30 s"),
    ],
)
def test_tracks_that_cannot_lie_under_an_ad_are_named(track: np.ndarray, music: Music, said: str) -> None:
    """Silent, too short, or over before the first beat."""
    assert said in why_unusable(track, music)
    assert why_unusable(clicks(120, 16), Music(**OWN, bpm=120)) == ""


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"file": "a.wav"}, "needs its licence"),
        ({**OWN, "mood": "calm"}, "write mood or file"),
        ({**OWN, "first_beat_s": 1}, "needs the tempo"),
        ({"licence": "ours"}, "write file, or remove"),
        ({"bpm": 20}, "write 50 to 180"),
        ({"bpm": 0}, "a bed needs a tempo"),
        ({"mood": "jazz"}, "'bright'"),
    ],
)
def test_music_that_contradicts_itself_is_refused(wish: dict[str, object], said: str) -> None:
    """Each in one sentence."""
    with pytest.raises(ValidationError, match=said):
        Music.model_validate(wish)


def test_any_kind_of_file_can_be_read(tmp_path: Path) -> None:
    """Mono or stereo, other rates, WAV or AAC: all at 48 kHz, and as long as they were."""
    write_wav(tmp_path / "mono.wav", clicks(120, 8)[::2, 0], 24_000)
    with av.open(str(tmp_path / "bed.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="stereo")
        tone = np.tile(np.sin(np.arange(44_100) / 20).astype(np.float32), (2, 3)) / 2
        for first in range(0, tone.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, first : first + 1024]), "fltp", "stereo")
            frame.sample_rate, frame.pts = 44_100, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    assert read_sound(tmp_path / "mono.wav", 60).shape == pytest.approx((4 * RATE, 2), abs=50)
    assert len(read_sound(tmp_path / "bed.m4a", 60)) == pytest.approx(3 * RATE, abs=2500)
    assert RATE < len(read_sound(tmp_path / "bed.m4a", 1)) < 1.2 * RATE


def test_a_track_lies_beside_its_campaign(tmp_path: Path) -> None:
    """One that is missing, or elsewhere, is named with its line."""
    from campaign_folder import write_campaign

    for name, said in (("bed.wav", "there is no file 'bed.wav'"), ("../bed.wav", "is outside of")):
        folder = write_campaign(tmp_path / "c")
        with (folder / "campaign.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\nmusic: {{file: {name}, licence: ours}}\n")
        with pytest.raises(CatalogError, match=said):
            load_campaign(folder)

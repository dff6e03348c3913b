"""What a finished ad must measure. One function per rule, each tells what was measured, the limit, and the cure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from catalog import Variant
from renderer.artifacts import CheckJob, Placed
from renderer.caption_checks import CAPTION_RULES
from renderer.measure import SILENCE_LUFS, Measures, Probe, Stretch
from renderer.pace import MOST_TEMPO
from renderer.verdict import Verdict

TEXT_ROLES = frozenset({"headline", "subline", "badge", "caption", "cta", "legal", "qr"})
MAX_AUDIO_GAP_S = 0.1  # two AAC packets and a frame; a longer gap is heard or seen
MAX_BLACK_S = 0.3  # longer than a cut through black; ad servers refuse leading black
MAX_FROZEN_S = 1.5  # viewers take it for a stalled player; the end card is there to be read and may be still
JOIN_S = 0.1
MIN_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA
BYTES_PER_MB = 1_000_000


def frame_size(job: CheckJob, probe: Probe) -> Verdict:
    """The picture has the size of its format."""
    measured, limit = f"{probe.width}x{probe.height}", f"{job.format.width}x{job.format.height}"
    return Verdict(measured == limit, measured, limit, f"The picture is {measured}; compose it anew at {limit}.")


def frame_count(job: CheckJob, probe: Probe) -> Verdict:
    """As many frames as were composed, and as the length says."""
    wanted, timed = job.creative.num_frames, round(probe.duration_s * job.format.frame_rate)
    return Verdict(
        wanted == probe.num_frames == timed,
        f"{probe.num_frames} frames, {timed} by the clock",
        f"{wanted} frames",
        "Frames are missing or doubled; delete the creative and compose it anew.",
    )


def frame_rate(job: CheckJob, probe: Probe) -> Verdict:
    """Constant, and that of the format."""
    passed = abs(probe.frame_rate - job.format.frame_rate) < 0.001
    cure = f"Compose it anew at {job.format.frame_rate} frames per second."
    return Verdict(passed, f"{probe.frame_rate:g} fps", f"{job.format.frame_rate} fps", cure)


def length(job: CheckJob, probe: Probe) -> Verdict:
    """Within what the placement takes."""
    low, high = job.format.min_duration_s, job.format.max_duration_s
    return Verdict(
        low - 0.001 <= probe.duration_s <= high + 0.001,
        f"{probe.duration_s:.2f} s",
        f"{low:g} to {high:g} s",
        f"{job.format.id} takes {low:g} to {high:g} s; change the durations of the scenes in the campaign.",
    )


def video_coding(job: CheckJob, probe: Probe) -> Verdict:
    """H.264 High with 4:2:0: what every destination takes."""
    measured = f"{probe.video_codec} {probe.profile} {probe.pix_fmt}"
    return Verdict(measured == "h264 High yuv420p", measured, "h264 High yuv420p", "Write it with write_creative.")


def colour_tags(job: CheckJob, probe: Probe) -> Verdict:
    """Tagged BT.709, limited range, so that no player guesses."""
    measured = f"{probe.color_primaries}/{probe.color_trc}/{probe.color_space}/{probe.color_range}"
    cure = "Players would guess the colours; write the file with write_creative or write_clip."
    return Verdict(measured == "bt709/bt709/bt709/limited", measured, "bt709/bt709/bt709/limited", cure)


def audio_coding(job: CheckJob, probe: Probe) -> Verdict:
    """AAC, 48 kHz, stereo."""
    measured = f"{probe.audio_codec or 'no sound'} {probe.sample_rate} Hz {probe.channels} channels"
    return Verdict(measured == "aac 48000 Hz 2 channels", measured, "aac 48000 Hz 2 channels", "Write AAC stereo.")


def audio_length(job: CheckJob, probe: Probe) -> Verdict:
    """The sound covers the picture."""
    gap_s = probe.audio_duration_s - probe.duration_s
    cure = "Sound and picture differ in length; mix the sound anew for the length of the picture."
    return Verdict(abs(gap_s) <= MAX_AUDIO_GAP_S, f"{gap_s:+.3f} s", f"within {MAX_AUDIO_GAP_S} s", cure)


def file_size(job: CheckJob, probe: Probe) -> Verdict:
    """The platform takes a file this large, and it is the size that was recorded."""
    limit = job.format.max_size_mb
    measured = probe.size_bytes / BYTES_PER_MB
    return Verdict(measured <= limit, f"{measured:.2f} MB", f"{limit:g} MB", "Shorten the ad or raise the CRF.")


def faststart(job: CheckJob, probe: Probe) -> Verdict:
    """The index comes first, so that the ad plays while it loads."""
    place = "first" if probe.faststart else "last"
    return Verdict(probe.faststart, f"index {place}", "index first", "Write it anew with the index first (faststart).")


def loudness(job: CheckJob, measures: Measures) -> Verdict:
    """As loud as the placement asks; an ad without voice and music may be silent."""
    target, tolerance = job.format.loudness_lufs, job.format.loudness_tolerance_lu
    silent = measures.loudness_lufs <= SILENCE_LUFS
    wanted_silent = job.variant.music.mood == "none" and not (job.variant.speaks and job.creative.voices)
    return Verdict(
        wanted_silent if silent else abs(measures.loudness_lufs - target) <= tolerance,
        "silent" if silent else f"{measures.loudness_lufs:.1f} LUFS",
        f"{target:g} LUFS within {tolerance:g} LU",
        "The sound is missing; mix it anew." if silent else f"Mix the sound anew for {target:g} LUFS.",
    )


def true_peak(job: CheckJob, measures: Measures) -> Verdict:
    """No peak that clips in a player's converter."""
    limit = job.format.peak_dbtp
    cure = f"Peaks would clip; mix the sound anew below {limit:g} dBTP."
    return Verdict(measures.peak_dbtp <= limit, f"{measures.peak_dbtp:.1f} dBTP", f"{limit:g} dBTP", cure)


def black(job: CheckJob, measures: Measures) -> Verdict:
    """No black stretches."""
    cure = "Part of the ad is black; look at the takes of its scenes and make them anew."
    return _longest(measures.black, MAX_BLACK_S, cure)


def frozen(job: CheckJob, measures: Measures) -> Verdict:
    """Nothing stands still before the end card."""
    end_card_s = job.variant.end_card.duration_s if job.variant.end_card else 0.0
    story_s = job.creative.duration_s - end_card_s
    stretches = [(start_s, min(end_s, story_s)) for start_s, end_s in measures.frozen]
    cure = "The picture stands still; check that the take moves, or give the scene a camera move."
    return _longest(stretches, MAX_FROZEN_S, cure)


def safe_area(job: CheckJob, webvtt: str) -> Verdict:
    """All text keeps clear of the platform's own buttons."""
    outside = [placed for placed in _texts(job) if not _inside(placed, job)]
    area = job.format.safe_area
    return Verdict(
        not outside,
        _listing(outside) or "all text inside",
        f"free: top {area.top}, right {area.right}, bottom {area.bottom}, left {area.left} px",
        f"{_listing(outside)}: buttons of the platform would cover it; shorten the text or change its place.",
    )


def text_overlap(job: CheckJob, webvtt: str) -> Verdict:
    """No text lies on other text."""
    pairs = [pair for pair in combinations(_texts(job), 2) if _touch(*pair)]
    measured = "; ".join(_listing(pair) for pair in pairs[:3])
    cure = f"{measured}: texts cover each other; shorten one of them."
    return Verdict(not pairs, measured or "none", "none", cure)


def contrast(job: CheckJob, webvtt: str) -> Verdict:
    """Text stands out from what lies under it."""
    known = [placed for placed in _texts(job) if placed.contrast is not None]
    worst = min(known, key=lambda placed: placed.contrast or 0.0, default=None)
    if worst is None:
        return Verdict(True, "no text", f"{MIN_CONTRAST}:1", "")
    cure = f"{_listing([worst])}: hard to read; choose other ink or a calmer look."
    ratio = worst.contrast or 0.0
    return Verdict(ratio >= MIN_CONTRAST, f"{ratio:.2f}:1", f"{MIN_CONTRAST}:1", cure)


def price_shown(job: CheckJob, webvtt: str) -> Verdict:
    """A badge that names an amount of money names the price in the catalog."""
    prices = [price for price in (job.variant.sale_price, job.variant.price) if price]
    amounts = [placed for placed in _texts(job) if placed.role == "badge" and _is_amount(placed.text, job.variant)]
    wrong = [placed for placed in amounts if not any(_plain(price) in _plain(placed.text) for price in prices)]
    cure = f"{_listing(wrong)}: not the price in the catalog; correct the badge in the campaign."
    shown = ", ".join(placed.text for placed in wrong or amounts)
    return Verdict(not wrong, shown or "no price shown", " or ".join(prices) or "no price", cure)


def qr_code(job: CheckJob, seen: str) -> Verdict:
    """The code on the end card can be read, and says the campaign's link."""
    wanted = job.variant.end_card.qr if job.variant.end_card else ""
    cure = "The QR code of the end card could not be read off the film; try it with a telephone, or shorten the link."
    return Verdict(seen == wanted, seen or "no code", wanted or "no code", cure)


def voices(job: CheckJob, webvtt: str) -> Verdict:
    """Every line is spoken, and by the voice that its locale asks for."""
    creative = job.creative
    heard = ", ".join(creative.voices) or "nobody speaks"
    return Verdict(not creative.departures, heard, "the locale's voice", " ".join(creative.departures))


def pace(job: CheckJob, webvtt: str) -> Verdict:
    """What is said fits its scene, at most a little faster or in the campaign's shorter words."""
    grown, paces = job.creative.grown, job.creative.paces
    measured = "; ".join((*paces, *(f"{part} longer" for part in grown))) or "as planned"
    cure = f"Longer than planned for what is said: {', '.join(grown)}. Shorten it, or write a narration_short."
    return Verdict(not grown, measured, f"up to {MOST_TEMPO:g} times as fast", cure)


FILE_RULES: dict[str, Callable[[CheckJob, Probe], Verdict]] = {
    "frame_size": frame_size,
    "frame_count": frame_count,
    "frame_rate": frame_rate,
    "length": length,
    "video_coding": video_coding,
    "colour_tags": colour_tags,
    "audio_coding": audio_coding,
    "audio_length": audio_length,
    "file_size": file_size,
    "faststart": faststart,
}
SIGNAL_RULES: dict[str, Callable[[CheckJob, Measures], Verdict]] = {
    "loudness": loudness,
    "true_peak": true_peak,
    "black": black,
    "frozen": frozen,
}
STORY_RULES: dict[str, Callable[[CheckJob, str], Verdict]] = {
    "safe_area": safe_area,
    "text_overlap": text_overlap,
    "contrast": contrast,
    "price_shown": price_shown,
    "voices": voices,
    "pace": pace,
    **CAPTION_RULES,
}


def _longest(stretches: Iterable[Stretch], limit_s: float, cure: str) -> Verdict:
    start_s, end_s = max(_joined(stretches), key=lambda stretch: stretch[1] - stretch[0], default=(0.0, 0.0))
    too_long = end_s - start_s > limit_s
    measured = f"{start_s:.2f} to {end_s:.2f} s" if too_long else "none"
    return Verdict(not too_long, measured, f"at most {limit_s} s", cure)


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Join stretches, sorted by start, that (almost) touch: a key frame parts what viewers see as one."""
    joined: list[Stretch] = []
    for start_s, end_s in stretches:
        if joined and start_s - joined[-1][1] <= JOIN_S:
            start_s = joined.pop()[0]
        joined.append((start_s, end_s))
    return joined


def _texts(job: CheckJob) -> Iterator[Placed]:
    return (placed for placed in job.creative.placed if placed.role in TEXT_ROLES)


def _inside(placed: Placed, job: CheckJob) -> bool:
    area = job.format.safe_area
    right, bottom = job.format.width - area.right, job.format.height - area.bottom
    across = area.left <= placed.x and placed.x + placed.width <= right
    return across and area.top <= placed.y and placed.y + placed.height <= bottom


def _touch(one: Placed, other: Placed) -> bool:
    in_time = one.first_frame < other.last_frame and other.first_frame < one.last_frame
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return in_time and across and one.y < other.y + other.height and other.y < one.y + one.height


def _listing(texts: Iterable[Placed]) -> str:
    return " and ".join(f"{placed.role} {placed.text!r}" for placed in texts)


def _plain(text: str) -> str:
    """Text without spaces and direction marks, which differ between a feed, a locale and a layout."""
    return "".join(letter for letter in text if unicodedata.category(letter) not in ("Zs", "Cc", "Cf"))


def _is_amount(text: str, variant: Variant) -> bool:
    """Digits beside a currency: any currency sign, or the letters that this variant's price carries (CHF, 円, د.إ)."""
    currency = "".join(letter for letter in _plain(variant.price) if not letter.isdecimal()).strip(".,'’٬٫")
    signed = any(unicodedata.category(letter) == "Sc" for letter in text)
    return any(letter.isdecimal() for letter in text) and (signed or (bool(currency) and currency in _plain(text)))

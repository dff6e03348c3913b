"""Prices as people type them: with symbol, code or name before or behind, ranges, millions, and per unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from catalog.coins import COINS, DOLLARS, coin_of
from catalog.locales import Locale
from catalog.money import Money
from catalog.normalization.numerals import MAX_DIGITS
from catalog.normalization.readings import Readings
from catalog.normalization.rule import BEFORE, CJK, DASH, MARKS, SIGN, SPACE, Rule, Rules, any_of, ascending
from catalog.normalization.units import unit_with, units_of
from catalog.spoken import bare, spoken_money

CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "MXN", "BRL", "AED", "SAR", "EGP", "AUD")
SYMBOLS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "US$": "USD", "CA$": "CAD", "MX$": "MXN", "R$": "BRL", "A$": "AUD", "₺": "TRY",
    "₩": "KRW", "₪": "ILS", "₫": "VND", "฿": "THB", "zł": "PLN", "円": "JPY", "元": "CNY", "د.إ": "AED", "ج.م": "EGP",
    "ر.س": "SAR", "रु.": "INR", "रु": "INR",
}  # fmt: skip
LINKING = re.compile("^(?:de |di |d’)")  # deux millions d’euros
THOUSANDS = frozenset({"mil", "mila", "हज़ार", "ألف", "k", "K"})


class Prices(Rules):
    """Amounts in the currencies that ads of the catalog's locales name."""

    def __init__(self, locale: Locale, readings: Readings) -> None:
        super().__init__(locale, readings)
        self.symbols = _currency_symbols(locale)

    def all(self) -> Iterator[Rule]:
        """Yield the rules, best first."""
        money = rf"(?:{self.plain}|(?:\d{{1,3}}(?:[.,]\d{{3}})+|\d+)(?:[.,]\d{{1,2}})?(?!\d|[.,]\d))(?:[.,][-–—]+|/-)?"
        symbols, scales = any_of(self.symbols), any_of(self.readings.scales)
        scale = rf"(?:{SPACE}?(?P<scale>{scales})(?!\w))?" if self.readings.spaces else f"(?P<scale>{scales})?"
        edge = rf"(?![^\W\d{CJK}])(?![{MARKS}])"
        number = rf"(?P<first>{money})(?:{DASH}(?P<last>{money}))?{scale}"
        code = rf"(?:{SPACE}?(?P<code>{'|'.join(CURRENCIES)})(?!\w))?"
        yield Rule(re.compile(rf"{SIGN}{BEFORE}(?P<symbol>{symbols}){SPACE}?{number}{code}"), self._read_money)
        yield Rule(re.compile(rf"{SIGN}{BEFORE}{number}{SPACE}?(?P<symbol>{symbols}){edge}"), self._read_money)
        unit = any_of(units_of(self.locale, self.readings))
        slash = rf"(?<=[\w€$£¥₹.]){SPACE}?/{SPACE}?(?:(?P<unit>{unit})(?!\w)|(?=\d+{SPACE}?(?:{unit})(?!\w)))"
        yield Rule(re.compile(slash), self._read_per)
        if self.readings.spaces:
            yield Rule(re.compile(r"(?<=[€$£₹\d])/(?=[^\W\d]{3})"), lambda _: self.readings.per.format(unit=""))

    def _read_money(self, match: re.Match[str]) -> str | None:
        currency = match.groupdict().get("code") or self.symbols[match["symbol"]]
        numbers = [self.number(match[name]) for name in ("first", "last") if match[name]]
        if any(len(number.whole) > MAX_DIGITS or re.match(r"0\d", number.whole) for number in numbers):
            return None
        if not ascending(numbers):
            return None
        sign = self.sign(match)
        if match["scale"]:
            count = Decimal(1000 if match["scale"] in THOUSANDS else 1_000_000)
            coin = coin_of(currency, self.locale).name(count, self.locale)
            said = self.numerals.space.join([self.span(numbers), self.readings.scales[match["scale"]], coin])
            return sign + said
        said = spoken_money(Money(amount=numbers[-1].value, currency=currency), self.locale)
        if len(numbers) > 1:
            first = self.numerals.number(numbers[0])
            if numbers[0].fraction:
                first = spoken_money(Money(amount=numbers[0].value, currency=currency), self.locale)
            said = self.from_to(first, said)
        return sign + said

    def _read_per(self, match: re.Match[str]) -> str | None:
        if not match["unit"]:
            return self.readings.per.format(unit="")
        unit = unit_with("", match["unit"], "one", self.locale, self.readings)
        return self.readings.per.format(unit=unit.strip())


def _currency_symbols(locale: Locale) -> dict[str, str]:
    """Return symbols, codes and names of currencies with their ISO 4217 codes, as this locale means them."""
    symbols = {code: code for code in {*CURRENCIES, locale.currency}} | SYMBOLS
    symbols["¥"] = "CNY" if locale.language == "zh" else "JPY"
    symbols["$"] = locale.currency if locale.currency in DOLLARS | {"MXN"} else "USD"
    if locale.currency == "CHF":
        symbols |= {"Fr.": "CHF", "SFr.": "CHF"}
    for code, coin in COINS.get(locale.language, {}).items():
        mine = locale.currency if code == "USD" and locale.currency in DOLLARS else code
        names = {LINKING.sub("", bare(name)).split(" ")[0] for name in coin.names.values()}
        names |= {f"{name[:-1]}\u064bا" for name in names if name.endswith("ا")}  # Arabic keeps this one vowel in print
        symbols |= dict.fromkeys(names, mine)
    return symbols

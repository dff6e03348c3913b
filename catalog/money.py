"""Exact amounts in the currencies of today, as product feeds write them: `19.90 EUR`."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale as BabelLocale
from babel.numbers import get_currency_precision, get_territory_currencies
from pydantic import BaseModel, ConfigDict

from catalog.errors import WrongValue, quoted

WRITTEN = re.compile(r"([0-9]+)(?:\.([0-9]+))? ([A-Z]{3})")  # Merchant Center, attribute price: number, space, ISO 4217
MAX_WHOLE_DIGITS = 12  # a car costs ten digits in Vietnamese dong; more is a slip of the keyboard


class Money(BaseModel):
    """An exact amount in one currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal
    currency: str  # ISO 4217

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@lru_cache(maxsize=1)
def currencies_in_use() -> frozenset[str]:
    """ISO 4217 codes that are legal tender somewhere today, by CLDR."""
    territories = (str(territory) for territory in BabelLocale("en").territories)
    return frozenset(code for territory in territories for code in get_territory_currencies(territory))


@lru_cache(maxsize=100_000)  # feeds repeat their prices
def parse_money(text: str) -> Money:
    """Read `19.90 EUR`.

    Raises:
        WrongValue: the text is not a positive amount with a currency of today, or has more decimals than the currency.
    """
    if not text:
        raise WrongValue("is empty", "Write number, space and currency, such as '19.90 EUR'.")
    match = WRITTEN.fullmatch(text)
    if match is None:
        raise WrongValue(f"{quoted(text)} is not an amount", _suggestion(text))
    whole, minor, currency = match[1], match[2] or "", match[3]
    if currency not in currencies_in_use():
        raise WrongValue(f"{quoted(text)} has no currency of today", "Write its ISO 4217 code, such as EUR or USD.")
    digits = get_currency_precision(currency)
    if len(minor) > digits:
        raise WrongValue(f"{quoted(text)} has more decimals than {currency}", f"Write at most {digits}.")
    if len(whole.lstrip("0")) > MAX_WHOLE_DIGITS:
        raise WrongValue(f"{quoted(text)} has more than {MAX_WHOLE_DIGITS} digits", "Write the price of one item.")
    amount = Decimal(f"{whole}.{minor or 0}") if minor else Decimal(whole)
    if amount == 0:
        raise WrongValue(f"{quoted(text)} is zero", "Write what the item costs.")
    return Money(amount=amount, currency=currency)


def _suggestion(text: str) -> str:
    """The cure for a wrong amount: the same amount in the right spelling where it can be guessed."""
    codes = re.findall(r"[A-Z]{3}", text.upper())
    numbers = re.findall(r"[0-9][0-9.,' \u00a0\u202f]*", text)
    if len(codes) != 1 or len(numbers) != 1 or "-" in text or codes[0] not in currencies_in_use():
        return "Write number, space and currency, such as '19.90 EUR'."
    return f"Write '{_with_point(numbers[0])} {codes[0]}'."


def _with_point(number: str) -> str:
    """`1.299,90` and `1,299.90` as `1299.90`: a last separator with one or two digits after it is the decimal point."""
    parts: list[str] = re.findall(r"[0-9]+", number)
    if len(parts) > 1 and len(parts[-1]) < 3:
        return "".join(parts[:-1]) + "." + parts[-1]
    return "".join(parts)

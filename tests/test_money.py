"""Amounts are read exactly or refused with the right spelling."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import WrongValue
from catalog.money import Money, currencies_in_use, parse_money


@pytest.mark.parametrize(
    ("price", "message"),
    [
        ("", "is empty. Write number, space and currency, such as '19.90 EUR'."),
        ("19,90 EUR", "'19,90 EUR' is not an amount. Write '19.90 EUR'."),
        ("1.299,90 EUR", "'1.299,90 EUR' is not an amount. Write '1299.90 EUR'."),
        ("1,299.00 USD", "'1,299.00 USD' is not an amount. Write '1299.00 USD'."),
        ("19,900 JPY", "'19,900 JPY' is not an amount. Write '19900 JPY'."),
        ("19.90USD", "'19.90USD' is not an amount. Write '19.90 USD'."),
        ("USD 19.90", "'USD 19.90' is not an amount. Write '19.90 USD'."),
        ("19.90 usd", "'19.90 usd' is not an amount. Write '19.90 USD'."),
        ("19.90  USD", "'19.90  USD' is not an amount. Write '19.90 USD'."),
        ("-5.00 USD", "'-5.00 USD' is not an amount. Write number, space and currency, such as '19.90 EUR'."),
        ("$19.90", "'$19.90' is not an amount. Write number, space and currency, such as '19.90 EUR'."),
        ("19.90", "'19.90' is not an amount. Write number, space and currency, such as '19.90 EUR'."),
        ("NaN USD", "'NaN USD' is not an amount. Write number, space and currency, such as '19.90 EUR'."),
        ("1e3 USD", "'1e3 USD' is not an amount. Write number, space and currency, such as '19.90 EUR'."),
        ("١٩ EGP", "'١٩ EGP' is not an amount. Write number, space and currency, such as '19.90 EUR'."),
        ("19.90 XYZ", "'19.90 XYZ' has no currency of today. Write its ISO 4217 code, such as EUR or USD."),
        ("19.90 DEM", "'19.90 DEM' has no currency of today. Write its ISO 4217 code, such as EUR or USD."),
        ("4980.50 JPY", "'4980.50 JPY' has more decimals than JPY. Write at most 0."),
        ("19.999 USD", "'19.999 USD' has more decimals than USD. Write at most 2."),
        ("0.00 USD", "'0.00 USD' is zero. Write what the item costs."),
        ("9999999999999 USD", "'9999999999999 USD' has more than 12 digits. Write the price of one item."),
    ],
)
def test_a_wrong_price_says_how_to_write_it(price, message):
    """Nothing is guessed silently; where the meaning is plain, the cure is the right spelling."""
    with pytest.raises(WrongValue) as caught:
        parse_money(price)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("price", "amount"), [("34.90 USD", "34.90"), ("4980 JPY", "4980"), ("1.234 KWD", "1.234"), ("5 EUR", "5")]
)
def test_a_price_is_exact(price, amount):
    """Decimals as written, as many as the currency has."""
    assert parse_money(price) == Money(amount=Decimal(amount), currency=price[-3:])


@given(text=st.text(max_size=20) | st.from_regex(r"[0-9., ]{1,8} ?[A-Za-z]{3}", fullmatch=True))
def test_any_text_is_an_exact_amount_or_refused(text):
    """What is read can be written again, digit for digit."""
    try:
        money = parse_money(text)
    except WrongValue as wrong:
        fact = wrong.fact
    else:
        fact = ""

    assert fact or str(money) == text.lstrip("0") or str(money).lstrip("0") == text.lstrip("0")


def test_the_currencies_are_those_of_today():
    """Money that nobody can pay with is no price."""
    codes = currencies_in_use()

    assert {"USD", "EUR", "JPY", "EGP", "CHF"} <= codes
    assert not {"DEM", "FRF", "XXX", "XTS"} & codes

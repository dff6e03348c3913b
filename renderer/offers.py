"""Tells what may still be advertised: not what vanished from the feed, sold out, or shows a sale that is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from catalog import Product, Variant
from catalog.inputs import Inputs
from renderer.run_records import Offer, Offers, SaleWindow
from renderer.store import Store

Cause = Literal["feed", "sold out", "sale", "campaign"]


def offers_of(inputs: Inputs, moment: datetime) -> Offers:
    """Return what the catalogs of a campaign say at `moment`."""
    return Offers(
        as_of=moment.isoformat(timespec="seconds"),
        locales=inputs.campaign.locales,
        formats=inputs.campaign.formats,
        products={product.id: _offer(product, inputs) for product in inputs.products},
        unasked={product.id: _offer(product, inputs) for product in inputs.unasked},
        refused=tuple(inputs.refused_products),
        feed_shrink=inputs.campaign.feed_shrink,
    )


def write_latest(offers: Offers, campaign: str, store: Store) -> None:
    """Keep what a campaign may advertise now; publishing looks here, whatever its run began with."""
    store.put_record(_latest_key(campaign), offers)


def latest(campaign: str, store: Store) -> Offers | None:
    """Return what a campaign may advertise by what its catalogs said last."""
    return store.get_record(_latest_key(campaign), Offers)


def too_late(variants: Iterable[Variant], offers: Offers) -> dict[str, str]:
    """Return why variants that were made must not be delivered any more, by id."""
    now, late = datetime.now(UTC), {}
    for one in variants:
        gone = why_gone(one.product_id, one.locale, one.format, bool(one.sale_price), offers, now)
        if gone is not None:
            late[one.id] = gone[1]
    return late


def why_gone(
    product: str, locale: str, format_id: str, shows_sale: bool, offers: Offers, moment: datetime
) -> tuple[Cause, str] | None:
    """Say why an ad must not be shown any more, or None; a row that cannot be read says nothing about its product."""
    if locale not in offers.locales or format_id not in offers.formats:
        other = locale if locale not in offers.locales else format_id
        return "campaign", f"the campaign no longer asks for {other}"
    offer = offers.products.get(product) or offers.unasked.get(product)
    if offer is None:
        return None if product in offers.refused else ("feed", "the feed no longer has the product")
    if offer.sold_out or locale in offer.sold_out_in:
        return "sold out", "the product is out of stock"
    if product not in offers.products:
        return "feed", "the campaign no longer asks for the product"
    sale = offer.sales.get(locale) or offer.sales.get("", SaleWindow())
    if shows_sale and sale.ends and moment >= datetime.fromisoformat(sale.ends):
        return "sale", f"its sale ended at {sale.ends}"
    return None


def sale_boundaries(offers: Offers) -> Iterable[datetime]:
    """Yield the moments at which prices change though no file does."""
    for offer in offers.products.values():
        moments = (moment for sale in offer.sales.values() for moment in (sale.starts, sale.ends) if moment)
        yield from map(datetime.fromisoformat, moments)


def _offer(product: Product, inputs: Inputs) -> Offer:
    local = {tag: rows[product.id] for tag, rows in inputs.local.items() if product.id in rows}
    links = {"": product.link} | {tag: one.link for tag, one in local.items()}
    windows = {"": _window(product)} | {tag: _window(one) for tag, one in local.items() if one.sale_price is not None}
    return Offer(
        sold_out=product.availability == "out_of_stock",
        sold_out_in=tuple(tag for tag, one in local.items() if one.availability == "out_of_stock"),
        sales={tag: window for tag, window in windows.items() if window != SaleWindow()},
        links={tag: link for tag, link in links.items() if link and (not tag or link != product.link)},
    )


def _window(product: Product) -> SaleWindow:
    starts, ends = product.sale_starts, product.sale_ends
    return SaleWindow(starts=starts.isoformat() if starts else "", ends=ends.isoformat() if ends else "")


def _latest_key(campaign: str) -> str:
    return f"campaigns/{campaign}/offers.json"

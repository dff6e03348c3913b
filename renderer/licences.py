"""What the licences of model weights allow, and whether a campaign may use them: judged before anything is spent.

The rows hold what was read, where and when; they are no legal advice. A row that is not `verified` rests on memory, or
on one source that nobody else confirms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

EU_EAST = {"BG", "CY", "CZ", "EE", "GR", "HR", "HU", "LT", "LV", "PL", "RO", "SI", "SK"}
EU_WEST = {"AT", "BE", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "LU", "MT", "NL", "PT", "SE"}
EUROPEAN_UNION = frozenset(EU_EAST | EU_WEST)  # 27 members, ISO 3166-1
READ_ON = date(2026, 11, 22)


@dataclass(frozen=True)
class Licence:
    """The terms of model weights that matter to whoever makes ads with them."""

    name: str  # SPDX where there is one
    source: str  # what was read
    commercial_use: bool = True
    excluded_territories: frozenset[str] = frozenset()  # ISO 3166-1 alpha-2: neither the maker nor the audience
    max_annual_revenue_usd: int | None = None  # of the maker; the highest that is still allowed
    competing_products: str = ""  # whom the product may not compete with, in a sentence
    attribution: str = ""  # a sentence to show
    disclosure: bool = False  # ads must be marked as made by a machine
    keeps_watermark: bool = False  # marks of origin that the model leaves must stay
    trains_no_models: bool = False  # nothing made with it may train or improve other models
    further: str = ""  # a term that no field holds, in a sentence
    read_on: date = READ_ON
    verified: bool = True

    @property
    def is_open(self) -> bool:
        """Tell whether anybody may use it for ads without asking, showing or promising anything."""
        duties = (self.attribution, self.disclosure, self.keeps_watermark, self.trains_no_models, self.further)
        return self.verified and self.commercial_use and not any((*duties, *_limits(self)))


@dataclass(frozen=True)
class Deployer:
    """Who makes the ads: the licences read and accepted, own agreements with licensors, country, annual revenue."""

    accepted: tuple[str, ...] = ()
    agreements: tuple[str, ...] = ()
    territory: str = ""  # ISO 3166-1 alpha-2; empty: unknown
    annual_revenue_usd: int | None = None  # None: unknown


@dataclass(frozen=True)
class LicenceFinding:
    """One thing that a licence forbids or asks for. `refuse` keeps a campaign from being planned."""

    severity: Literal["refuse", "warn"]
    sentence: str


LICENCES: dict[str, Licence] = {
    licence.name: licence
    for licence in (
        Licence("Apache-2.0", source="the licence's text"),
        Licence("MIT", source="the licence's text"),
        Licence("OpenMDW", source="model card of Cosmos3"),
        Licence(
            "LTX-2.x-Community",
            source="LTX-2.x Community License of 2026-08-11",
            max_annual_revenue_usd=9_999_999,  # from 10 million on a paid licence is needed
            competing_products="products that compete with Lightricks, which sells a studio for AI ads and videos "
            "(attachment A, number 20)",
            disclosure=True,
            keeps_watermark=True,
            trains_no_models=True,
        ),
        Licence(
            "Tencent-Hunyuan-Community",
            source="Tencent's community licence of HunyuanVideo-1.5",
            excluded_territories=EUROPEAN_UNION | {"GB", "KR"},
            trains_no_models=True,
            further="products with more than 100 million users a month need Tencent's permission",
        ),
        Licence(
            "MiniMax-H3",
            source="licence of MiniMax-H3 of 2026-08-02",
            excluded_territories=EUROPEAN_UNION | {"GB", "KR", "US"},
            max_annual_revenue_usd=20_000_000,
            attribution="Made with MiniMax-H3.",  # that it must be shown was read; the wording is ours
            trains_no_models=True,
        ),
        # commercial use comes with a membership, which is an agreement of one's own; from which revenue on it
        # costs money is known from memory only
        Licence(
            "Stability-Community",
            source="stable-video-diffusion-community licence",
            commercial_use=False,
            max_annual_revenue_usd=1_000_000,
            further="commercial use needs a Stability AI membership",
            verified=False,
        ),
        Licence("CreativeML-OpenRAIL-M", source="licence of Stable Diffusion 1.5", verified=False),
        Licence("SkyReels-Community", source="model card of SkyReels-V2", verified=False),
        Licence("non-commercial", source="model card of the weights", commercial_use=False),
    )
}


def judge(licence: Licence, deployer: Deployer, locales: Iterable[str]) -> list[LicenceFinding]:
    """Return what a licence forbids and asks of ads for these locales (BCP 47 tags); an open one nothing."""
    if licence.is_open:
        return []
    locales = tuple(locales)
    refusals = () if licence.name in deployer.agreements else _refusals(licence, deployer, locales)
    return [
        *(LicenceFinding("refuse", sentence) for sentence in refusals),
        *(LicenceFinding("warn", sentence) for sentence in _duties(licence, locales)),
    ]


def _refusals(licence: Licence, deployer: Deployer, locales: tuple[str, ...]) -> Iterator[str]:
    """Yield what an agreement of one's own would lift."""
    another = f"Choose another model, or, with an agreement of your own, set {_agreements(licence, deployer)}."
    if not licence.commercial_use:
        yield f"{_terms(licence, 'forbids commercial use')}. {another}"
        return
    if licence.name not in deployer.accepted:
        accepted = ",".join((*deployer.accepted, licence.name))
        yield (
            f"{_terms(licence, 'is not open, and nobody accepted it here')}. "
            f"Read it and set ADLOOM_ACCEPTED_LICENCES={accepted}, or choose another model."
        )
    if licence.competing_products:
        yield f"{_terms(licence, f'forbids {licence.competing_products}')}. {another}"
    yield from _revenue(licence, deployer, another)
    yield from _territories(licence, deployer, locales, another)


def _revenue(licence: Licence, deployer: Deployer, another: str) -> Iterator[str]:
    most, revenue = licence.max_annual_revenue_usd, deployer.annual_revenue_usd
    if most is None:
        return
    fact = _terms(licence, f"allows an annual revenue of at most {most:,} USD")
    if revenue is None:
        yield f"{fact}; yours is unknown. Set ADLOOM_ANNUAL_REVENUE_USD, such as ADLOOM_ANNUAL_REVENUE_USD=500000."
    elif revenue > most:
        yield f"{fact}; yours is {revenue:,} (ADLOOM_ANNUAL_REVENUE_USD). {another}"


def _territories(licence: Licence, deployer: Deployer, locales: tuple[str, ...], another: str) -> Iterator[str]:
    excluded = licence.excluded_territories
    if not excluded:
        return
    shut_out = [tag for tag in locales if territory_of(tag) in excluded]
    if shut_out:
        regions = ", ".join(dict.fromkeys(territory_of(tag) for tag in shut_out))
        fact = _terms(licence, f"excludes {regions}", f"campaign locales {', '.join(shut_out)}")
        yield f"{fact}. {another.replace('another model,', 'another model, remove those locales,')}"
    if not deployer.territory:
        fact = _terms(licence, f"excludes {', '.join(sorted(excluded))}")
        yield f"{fact}; where you are is unknown. Set ADLOOM_TERRITORY to your country, such as ADLOOM_TERRITORY=CH."
    elif deployer.territory in excluded:
        fact = _terms(licence, f"excludes {deployer.territory}", f"ADLOOM_TERRITORY={deployer.territory}")
        yield f"{fact}. {another}"


def _duties(licence: Licence, locales: tuple[str, ...]) -> Iterator[str]:
    """Yield what must be done, or known, where it is used."""
    name = f"licence {licence.name}"
    wide = [tag for tag in locales if not territory_of(tag)]
    if licence.excluded_territories and wide:
        excluded = ", ".join(sorted(licence.excluded_territories))
        yield f"{name} excludes {excluded}; {', '.join(wide)} may reach them. Keep those ads out of these countries."
    if licence.attribution:
        yield f"{name} asks to show '{licence.attribution}'. The manifest repeats it; show it beside the ad."
    if licence.disclosure:
        yield f"{name} asks to mark ads as made by a machine. The manifest says so; mark them where they are shown."
    if licence.keeps_watermark:
        yield f"{name} asks to keep watermarks and marks of origin. Leave them in the ads."
    if licence.trains_no_models:
        yield f"{name} forbids to train or improve other models with the ads. Keep them out of data sets."
    if licence.further:
        yield f"{name}: {licence.further}. Make sure that you may."
    if not licence.verified:
        yield f"{name}: what is known of its terms is unverified. Read the text first ({licence.source})."


def territory_of(tag: str) -> str:
    """Return the country of a locale, `DE` of `de-DE`; empty where the tag names none, as `en` or `es-419`."""
    return next((part for part in tag.split("-")[1:] if len(part) == 2), "")


def _limits(licence: Licence) -> tuple[object, ...]:
    return licence.excluded_territories, licence.max_annual_revenue_usd, licence.competing_products


def _terms(licence: Licence, fact: str, about: str = "") -> str:
    about = f"{about}; " if about else ""
    return f"licence {licence.name} {fact} ({about}read {licence.read_on})"


def _agreements(licence: Licence, deployer: Deployer) -> str:
    return f"ADLOOM_LICENCE_AGREEMENTS={','.join((*deployer.agreements, licence.name))}"

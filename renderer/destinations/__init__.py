"""Tells ad platforms what of a campaign is on show: files at the destination, one kind of platform per file here.

A kind is a function and a row of the table: it is given what is on show and returns files, by name below its folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import RootModel

from renderer.destinations.merchant_center import merchant_center
from renderer.destinations.meta_catalog import meta_catalog
from renderer.destinations.show import Show
from renderer.destinations.vast import vast
from renderer.errors import PlanError
from renderer.run_records import LiveRow
from renderer.settings import Settings
from renderer.store import Store

Files = Mapping[str, bytes]


class Index(RootModel[dict[str, str]]):
    """The SHA-256 of every file that was written, by name: ten thousand that stayed need not be written again."""


@dataclass(frozen=True)
class Destination:
    """A kind of platform: what makes its files, and whether it has to reach the videos over the web."""

    files: Callable[[Show], Files]
    needs_web: bool = True


DESTINATIONS = {
    "manifest": Destination(lambda show: {}, needs_web=False),  # written for every campaign, see live.py
    "merchant_center": Destination(merchant_center),
    "meta_catalog": Destination(meta_catalog),
    "vast": Destination(vast),
}


def check_destinations(kinds: Iterable[str], settings: Settings) -> None:
    """Refuse what could not be published, before anything is made for it.

    Raises:
        PlanError: platforms need addresses on the web, and none is set.
    """
    far = [kind for kind in kinds if DESTINATIONS[kind].needs_web]
    if far and not settings.public_url:
        raise PlanError(
            f"publish: {', '.join(far)} must reach the videos over the web. "
            "Set ADLOOM_PUBLIC_URL to where the world finds the store of ADLOOM_PUBLISH_URL."
        )


def tell(kinds: Iterable[str], show: Show, prefix: str, destination: Store) -> int:
    """Write the files of these kinds below `prefix`, as far as they changed; return how many did."""
    return sum(_write(DESTINATIONS[kind].files(show), f"{prefix}/{kind}", destination) for kind in kinds)


def show_of(rows: Sequence[LiveRow], brand: str, settings: Settings) -> Show:
    """Return what platforms are told of: the rows, on show or not any more, with addresses on the web."""
    return Show(rows=tuple(rows), brand=brand, public_url=settings.public_url.rstrip("/"))


def _write(files: Files, folder: str, destination: Store) -> int:
    if not files:
        return 0
    known = destination.get_record(f"{folder}/index.json", Index)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    changed = [name for name in files if known is None or known.root.get(name) != digests[name]]
    for name in changed:
        destination.put_bytes(f"{folder}/{name}", files[name], replace=True)
    if changed:
        destination.put_record(f"{folder}/index.json", Index(digests))
    return len(changed)

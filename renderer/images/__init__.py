"""Takes in product pictures: fetch, check, cut out, crop, choose colours, store by content."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from pydantic import BaseModel, ConfigDict

from catalog import Problem, Product, ProductImage
from catalog.errors import WrongValue
from catalog.fields import parse_more_image_links
from catalog.products import MoreImage
from renderer.errors import StoreError
from renderer.images.cutout import cut_out
from renderer.images.download import DEFAULT_LIMITS, DownloadLimits, PictureError, download
from renderer.images.hdr import as_srgb, hdr_coding
from renderer.images.palette import backdrop_palette
from renderer.store import Store
from renderer.store.s3 import read_s3_object

CODE_VERSION = 2  # raise when the same file now gives another picture or palette
FORMATS = ("PNG", "JPEG", "WEBP")
MIN_SIDE = 600  # px of the longer side: Google's advice for apparel is 250, a full-screen ad shows 600 to 900
MAX_SIDE = 2400  # px of the longer side that is kept; no format shows more of a product
MAX_PIXELS = 64_000_000  # decoded; a small file can unpack to gigabytes
MORE_IMAGES = "additional_image_link"
FETCHES = 8  # at once


class NormalizedImage(BaseModel):
    """What became of one source file: everything about a product's picture that does not depend on the product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    width: int
    height: int
    has_cutout: bool
    palette: tuple[str, str, str]


@dataclass(frozen=True)
class Picture:
    """A checked picture: uint8 sRGB RGBA (height, width, 4), and whether alpha is the product's outline."""

    pixels: NDArray[np.uint8]
    has_cutout: bool


def fetch_images(
    products: Iterable[Product],
    store: Store,
    limits: DownloadLimits = DEFAULT_LIMITS,
    more_beside: Path | None = None,
) -> tuple[dict[str, ProductImage], list[Problem]]:
    """Return the stored pictures by product id, and a problem for each product that has none.

    With `more_beside`, the folder of the feed, also those of `additional_image_link`; one that cannot be used is a
    problem without a product, which goes on without it.
    """
    products = list(products)
    with ThreadPoolExecutor(FETCHES) as threads:
        results = list(threads.map(partial(_attempt, store=store, limits=limits), products))
        images = {result.product_id: result for result in results if isinstance(result, ProductImage)}
        problems = [result for result in results if isinstance(result, Problem)]
        if more_beside is not None:
            fetch = partial(_more, store=store, limits=limits, folder=more_beside)
            for product, (more, wrong) in zip(products, threads.map(fetch, products), strict=True):
                problems += wrong
                if product.id in images:
                    images[product.id] = images[product.id].model_copy(update={"more": more})
    return images, problems


def fetch_image(product: Product, store: Store, limits: DownloadLimits = DEFAULT_LIMITS) -> ProductImage:
    """Fetch, normalize and store one product's picture; a file that was seen before is not worked on again.

    Raises:
        PictureError: the picture cannot be fetched, read or used.
        StoreError: the store refused.
    """
    image = _normalized(product.image_link, store, limits)
    path = store.local(f"images/{image.sha256}.png")
    return ProductImage(product_id=product.id, path=str(path), **image.model_dump())


def _normalized(link: str, store: Store, limits: DownloadLimits) -> NormalizedImage:
    source = read_source(link, limits)
    seen = f"images/by_source/{hashlib.sha256(source).hexdigest()}-{CODE_VERSION}.json"
    image = store.get_record(seen, NormalizedImage)
    if image is None:
        image = normalize(source, store)
        store.put_record(seen, image)
    return image


def normalize(source: bytes, store: Store) -> NormalizedImage:
    """Check a source file and store it as an RGBA PNG, cropped to the product where its outline is known.

    Raises:
        PictureError: the file cannot be used.
    """
    picture = prepare(source)
    buffer = io.BytesIO()
    Image.fromarray(picture.pixels).save(buffer, "PNG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    store.put_bytes(f"images/{sha256}.png", buffer.getvalue())
    height, width = picture.pixels.shape[:2]
    palette = backdrop_palette(picture.pixels)
    return NormalizedImage(sha256=sha256, width=width, height=height, has_cutout=picture.has_cutout, palette=palette)


def prepare(source: bytes) -> Picture:
    """Decode, check and cut out.

    Raises:
        PictureError: the file cannot be used.
    """
    decoded = decode(source)
    if max(decoded.size) < MIN_SIDE:
        width, height = decoded.size
        raise PictureError(
            f"the picture has {width}x{height} pixels", f"Supply one of at least {MIN_SIDE} pixels on its longer side."
        )
    decoded.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return Picture(*cut_out(np.asarray(decoded, np.uint8)))


def decode(source: bytes) -> Image.Image:
    """Return the first picture of a file, upright, in sRGB, RGBA.

    Raises:
        PictureError: the bytes are no PNG, JPEG or WebP, end early, or unpack to too much.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is stricter
            picture = Image.open(io.BytesIO(source), formats=FORMATS)
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise PictureError(f"the picture has {width}x{height} pixels", f"At most {MAX_PIXELS // 10**6} Mpx fit.")
        picture.load()
        coding = hdr_coding(source)
        if coding is None:
            return to_srgb(ImageOps.exif_transpose(picture))
        shown = as_srgb(source, coding)
        shown.info["exif"] = picture.getexif().tobytes()  # whether it lies on its side
        return ImageOps.exif_transpose(shown)
    except Image.DecompressionBombError:
        raise PictureError(
            "the picture unpacks to too many pixels", f"At most {MAX_PIXELS // 10**6} Mpx fit."
        ) from None
    except (OSError, SyntaxError, ValueError, ImageCms.PyCMSError) as error:
        raise PictureError(
            f"the file cannot be read as a picture ({_first_line(error)})", "Supply a whole PNG, JPEG or WebP file."
        ) from error


def to_srgb(picture: Image.Image) -> Image.Image:
    """Return RGBA in sRGB, converted by the embedded colour profile where there is one."""
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture.convert("RGBA")
    opaque = picture.convert("RGB") if picture.mode == "RGBA" else picture
    converted: Any = ImageCms.profileToProfile(
        opaque, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    result: Image.Image = converted.convert("RGBA")
    if picture.mode == "RGBA":
        result.putalpha(picture.getchannel("A"))
    return result


def read_source(link: str, limits: DownloadLimits) -> bytes:
    """Return the bytes behind a path, an `s3://` or an `https://` address.

    Raises:
        PictureError: there is nothing, too much, or the address is of another kind.
    """
    if link.startswith("s3://"):
        try:
            return read_s3_object(link, limits.max_bytes)
        except StoreError as error:
            raise PictureError(
                f"cannot be fetched ({_first_line(error)})", "Check the address and the rights."
            ) from error
    if "://" in link:
        return download(link, limits)
    path = Path(link)
    try:
        if path.stat().st_size > limits.max_bytes:
            raise PictureError(f"is larger than {limits.max_bytes:,} bytes", "Supply a smaller file.")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot be read ({error.strerror})", "Check the path.") from error


def _attempt(product: Product, store: Store, limits: DownloadLimits) -> ProductImage | Problem:
    try:
        return fetch_image(product, store, limits)
    except PictureError as error:
        return Problem(product.source, f"image_link: {product.image_link}: {error.fact}", error.cure, product.id)


def _more(
    product: Product, store: Store, limits: DownloadLimits, folder: Path
) -> tuple[tuple[MoreImage, ...], list[Problem]]:
    """Return a product's further pictures, and what is wrong with those that it goes without."""
    place = f"{product.source}: {MORE_IMAGES}"
    try:
        links = parse_more_image_links(product.attributes.get(MORE_IMAGES, ""), folder)
    except WrongValue as wrong:
        return (), [Problem(place, wrong.fact, wrong.cure)]
    more: list[MoreImage] = []
    problems: list[Problem] = []
    for link in links:
        try:
            image = _normalized(link, store, limits)
        except PictureError as error:
            problems.append(Problem(place, f"{link}: {error.fact}", error.cure))
        else:
            more.append(MoreImage(sha256=image.sha256, has_cutout=image.has_cutout))
    return tuple(more), problems


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")

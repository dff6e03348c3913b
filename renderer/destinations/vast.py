"""VAST 4.2: a document per variant, at an address that stays; it answers with no ad once nothing is on show.

IAB Tech Lab, Video Ad Serving Template 4.2. There is nobody to report to: the impression is `about:blank`, as the
standard asks for then; ad servers wrap the document and add their own.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from renderer.destinations.show import Show
from renderer.run_records import LiveRow

NAMESPACE = "http://www.iab.com/VAST"
VERSION = "4.2"
CAPTION_TYPES = {"vtt": "text/vtt", "srt": "text/srt", "ttml": "application/ttml+xml"}
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def vast(show: Show) -> dict[str, bytes]:
    """Return `<product>/<locale>/<format>….xml` for every variant that was ever on show."""
    files = {_name(row): _document(None, show) for row in show.rows}
    return files | {_name(row): _document(row, show) for row in show.rows if row.status == "delivered"}


def _name(row: LiveRow) -> str:
    return f"{row.variant.partition('/')[2]}.xml"


def _document(row: LiveRow | None, show: Show) -> bytes:
    root = ET.Element("VAST", {"xmlns": NAMESPACE, "version": VERSION})
    if row is not None:
        inline = ET.SubElement(ET.SubElement(root, "Ad", id=row.sha256[:32]), "InLine")
        _text(inline, "AdSystem", "adloom")
        _text(inline, "Impression", "about:blank")
        _text(inline, "AdServingId", row.sha256)
        _text(inline, "AdTitle", row.title or row.variant)
        _text(inline, "Advertiser", show.brand)
        creative = ET.SubElement(
            ET.SubElement(inline, "Creatives"), "Creative", id=row.sha256[:32], adId=row.sha256[:32]
        )
        _linear(creative, row, show)
        _text(creative, "UniversalAdId", row.sha256, idRegistry="adloom")
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _linear(creative: ET.Element, row: LiveRow, show: Show) -> None:
    linear = ET.SubElement(creative, "Linear")
    _text(linear, "Duration", _clock(row.duration_s))
    files = ET.SubElement(linear, "MediaFiles")
    captions = ET.SubElement(files, "ClosedCaptionFiles")
    for url in row.captions:
        kind = CAPTION_TYPES[url.rpartition(".")[2]]
        _text(captions, "ClosedCaptionFile", show.web(url), type=kind, language=row.locale)
    facts = {"delivery": "progressive", "type": "video/mp4", "width": str(row.width), "height": str(row.height)}
    kbps = round(row.size_bytes * 8 / 1000 / row.duration_s) if row.duration_s else 0
    _text(files, "MediaFile", show.web(row.url), **facts, bitrate=str(kbps), fileSize=str(row.size_bytes))
    if row.link:
        _text(ET.SubElement(linear, "VideoClicks"), "ClickThrough", row.link)


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = NO_XML.sub("", text)


def _clock(seconds: float) -> str:
    """Return a length as `HH:MM:SS.mmm`."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"

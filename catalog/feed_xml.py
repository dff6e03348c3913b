"""Reads product feeds in RSS 2.0 and Atom, item by item as the bytes come, without a tree in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from catalog.errors import CatalogError, Problem
from catalog.feed_file import Item

GOOGLE = "http://base.google.com/ns/1.0"  # Merchant Center, RSS 2.0 and Atom 1.0 specifications
ITEMS = frozenset({"item", "{http://purl.org/rss/1.0/}item", "{http://www.w3.org/2005/Atom}entry", "entry"})
BLOCK = 1 << 16
NESTED = "\x1f"  # between the parts of a nested field; XML cannot hold it
MAX_ITEM = 1_000_000  # characters; the longest product of Merchant Center has about 50,000
DEEPEST = 20  # an item of Merchant Center has three levels


def read_items(body: BinaryIO, name: str) -> Iterator[Item]:
    """Yield (line, texts by field) of every item or entry.

    Fields of the namespace `g:` win over those of RSS and Atom. What repeats is joined with commas and what is nested
    with colons, as Merchant Center's text feeds write it.

    Raises:
        CatalogError: the file is not XML, ends too early, or declares entities or a document type.
    """
    target = _Items()
    parser: Any = DefusedXMLParser(target=target, forbid_dtd=True)
    target.expat = parser.parser
    try:
        while block := body.read(BLOCK):
            parser.feed(block)
            yield from target.take()
        parser.close()
    except ParseError as error:
        line, column = error.position
        fact = f"is not XML at column {column + 1}: {str(error).split(':')[0]}"
        cure = "Export it again; a broken file is not read in part."
        raise CatalogError([Problem(f"{name}:{line}", fact, cure)]) from error
    except DefusedXmlException as error:
        place = f"{name}:{parser.parser.CurrentLineNumber}"
        raise CatalogError([Problem(place, "declares a DOCTYPE or entities", "Remove the declaration.")]) from error
    yield from target.take()


class _Items:
    """Collects the fields of the items while the parser walks through them."""

    expat: Any

    def __init__(self) -> None:
        self._ready: list[Item] = []
        self._line = 0
        self._depth = 0  # 0 outside of items, 1 in an item, 2 in a field
        self._texts: list[str] = []
        self._length = 0  # characters in the item
        self._google: dict[str, list[str]] = {}
        self._plain: dict[str, list[str]] = {}

    def take(self) -> list[Item]:
        """Hand over the finished items."""
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._depth == 0:
            if tag in ITEMS:
                self._depth, self._line = 1, self.expat.CurrentLineNumber
                self._google, self._plain, self._length = {}, {}, 0
            return
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refusal("elements are nested too deep")
        if self._depth == 2:
            self._texts = []
        self._add(NESTED)  # an empty first part does no harm
        if self._depth == 2 and "href" in attributes and attributes.get("rel", "alternate") == "alternate":
            self._add(attributes["href"])  # Atom writes <link href="..."/>

    def data(self, text: str) -> None:
        if self._depth > 1:
            self._add(text)

    def end(self, tag: str) -> None:
        if self._depth == 1:
            self._ready.append((self._line, self._fields()))
        elif self._depth == 2:
            namespace, _, field = tag.rpartition("}")
            fields = self._google if namespace == "{" + GOOGLE else self._plain
            fields.setdefault(field, []).append(_joined(self._texts))
        self._depth = max(self._depth - 1, 0)

    def close(self) -> None:
        """The parser asks its target for a result; items were handed over already."""

    def _add(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_ITEM:
            raise self._refusal(f"one item has more than {MAX_ITEM} characters")
        self._texts.append(text)

    def _refusal(self, fact: str) -> ParseError:
        error = ParseError(fact)
        error.position = (self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber)
        return error

    def _fields(self) -> dict[str, str]:
        return {name: ",".join(filter(None, texts)) for name, texts in (self._plain | self._google).items()}


def _joined(texts: list[str]) -> str:
    """One field's text; nested parts are separated by colons."""
    parts = (part.strip() for part in "".join(texts).split(NESTED))
    return ":".join(part for part in parts if part)

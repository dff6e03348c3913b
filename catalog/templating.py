"""Jinja inside strings: sandboxed, strict about unknown names, rendered once per distinct input.

The only file that knows Jinja. A string knows which names it reads (`roots`), so that expanding 100,000 variants
renders a prompt that speaks of the product alone only once per product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment as Sandbox

from catalog.errors import Problem

__all__ = [
    "RenderFailed",
    "Sandbox",
    "Text",
    "all_roots",
    "compile_text",
    "environment",
    "expressions",
    "is_true",
    "literal",
    "unusable",
]

MAX_RENDERED_CHARS = 5_000  # no string of an ad is longer; stops a template that multiplies its input
TRUE_WORDS = {"true", "yes", "1"}
FALSE_WORDS = {"", "false", "no", "0", "none"}


EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
LOCALE_FILTERS = {"money"}  # these look at the variant's locale without naming it


def environment(money: Callable[[Any, Any], str], spoken: Callable[[str, str], str]) -> Sandbox:
    """Return the sandbox of a campaign with the filters `money` and `spoken`. No autoescape: this is not HTML."""
    sandbox = Sandbox(undefined=StrictUndefined, autoescape=False)

    @pass_context
    def money_here(context: Context, amount: Any) -> str:
        return money(amount, context["locale"])

    sandbox.filters["money"] = money_here
    sandbox.filters["spoken"] = spoken
    return sandbox


def unusable(reason: str) -> Undefined:
    """Return a value that raises with this reason when a template uses it, and only then."""
    return StrictUndefined(hint=reason)


@dataclass(frozen=True)
class Text:
    """One string of a campaign, compiled, with its place in the file.

    `roots` are the names it depends on; `copy_keys` the entries of `copy` it asks for by name.
    """

    place: str
    source: str
    roots: frozenset[str]
    copy_keys: frozenset[str]
    template: Template | None  # None: no Jinja in it, the source is the text

    def render(self, names: Mapping[str, Any]) -> str:
        """Return the text for these names.

        Raises:
            RenderFailed: a name is unknown, or the expression cannot be evaluated.
        """
        if self.template is None:
            return self.source
        try:
            text = self.template.render(names)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise RenderFailed(self._problem(error, names)) from error
        if len(text) > MAX_RENDERED_CHARS:
            fact = f"{len(text):,} characters after rendering"
            raise RenderFailed(Problem(self.place, fact, f"At most {MAX_RENDERED_CHARS:,} fit."))
        return text

    def _problem(self, error: Exception, names: Iterable[str]) -> Problem:
        fact = getattr(error, "message", None) or str(error) or type(error).__name__
        return Problem(self.place, fact, f"Known names: {', '.join(sorted(names))}.")


class RenderFailed(Exception):
    """One string cannot be rendered for one variant."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        return str(self.problem)


def compile_text(sandbox: Sandbox, source: str, place: str) -> Text | Problem:
    """Return the compiled string, or the problem with its syntax."""
    if "{{" not in source and "{%" not in source and "{#" not in source:
        return Text(place, source, frozenset(), frozenset(), None)
    try:
        tree = sandbox.parse(source)
        template = sandbox.from_string(source)
    except TemplateSyntaxError as error:
        return Problem(place, error.message or "not a Jinja expression", f"Mend {source!r}.")
    except TemplateError as error:
        return Problem(place, str(error), f"Mend {source!r}.")
    return Text(place, source, _roots(tree), _copy_keys(tree), template)


def expressions(source: str) -> tuple[str, ...]:
    """Return everything in a text that stands between Jinja's braces, in order, with single spaces."""
    return tuple(" ".join(match.split()) for match in EXPRESSION.findall(source))


def literal(source: str) -> str:
    """Return a text with a space in place of everything that stands between Jinja's braces."""
    return EXPRESSION.sub(" ", source)


def all_roots(texts: Iterable[Text]) -> tuple[str, ...]:
    """Return every name that at least one of the texts depends on, sorted."""
    return tuple(sorted({root for text in texts for root in text.roots}))


def is_true(text: str) -> bool:
    """Tell whether a rendered `when:` means yes: any text but empty, false, no, none and 0."""
    word = text.strip().lower()
    return word in TRUE_WORDS or word not in FALSE_WORDS


def _roots(tree: nodes.Template) -> frozenset[str]:
    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "load"}
    if any(node.name in LOCALE_FILTERS for node in tree.find_all(nodes.Filter)):
        names.add("locale")
    return frozenset(names)


def _copy_keys(tree: nodes.Template) -> frozenset[str]:
    attributes = (node.attr for node in tree.find_all(nodes.Getattr) if _is_copy(node.node))
    items = (
        node.arg.value
        for node in tree.find_all(nodes.Getitem)
        if _is_copy(node.node) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)
    )
    return frozenset(attributes) | frozenset(items)


def _is_copy(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "copy"

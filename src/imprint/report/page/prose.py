"""Texts of the report: reStructuredText to HTML, with links to a glossary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docutils import core, io, nodes
from docutils.readers import doctree
from docutils.writers import html5_polyglot

SETTINGS = {
    "report_level": 3,
    "halt_level": 4,
    "syntax_highlight": "none",
    "file_insertion_enabled": False,
}


@dataclass(frozen=True)
class Term:
    """An entry of the glossary.

    Attributes
    ----------
    name : str
        The term.
    synonyms : tuple of str
        Other words for it, which are linked too.
    meaning : str
        Its explanation, as HTML.
    """

    name: str
    synonyms: tuple[str, ...]
    meaning: str

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


class Prose:
    """Converts the texts of one page, in order; each text links the terms that its section has not linked yet.

    Parameters
    ----------
    glossary : str
        A definition list in reStructuredText: each term, with its synonyms as classifiers, and its meaning.
    """

    def __init__(self, glossary: str) -> None:
        self.terms = list(terms(glossary))
        self._anchors = {
            name: term.anchor for term in self.terms for name in (term.name, *term.synonyms)
        }
        longest_first = sorted(self._anchors, key=len, reverse=True)
        names = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)")
        self._linked: set[str] = set()

    def new_section(self) -> None:
        """Link each term again, as a reader may start here."""
        self._linked.clear()

    def html(self, text: str, title_ends: str = "") -> str:
        """The HTML of a text; a first paragraph that ends with `title_ends` is its title and is left out."""
        document = core.publish_doctree(text, settings_overrides=SETTINGS)
        first = next(document.findall(nodes.paragraph), None)
        if first is not None and title_ends and first.astext().endswith(title_ends):
            first.parent.remove(first)
        self._link(document)
        return _html(document)

    def _link(self, document: nodes.document) -> None:
        """Link the first occurrence of each term."""
        for node in list(document.findall(nodes.Text)):
            if isinstance(node.parent, nodes.paragraph | nodes.strong | nodes.emphasis):
                node.parent.replace(node, list(self._linked_parts(str(node))))

    def _linked_parts(self, text: str) -> Iterator[nodes.Node]:
        done = 0
        for match in self._pattern.finditer(text):
            target = self._anchors[match[0]]
            if target in self._linked:
                continue
            self._linked.add(target)
            yield nodes.Text(text[done : match.start()])
            yield nodes.reference("", match[0], refuri=f"#{target}", classes=["term"])
            done = match.end()
        yield nodes.Text(text[done:])


def terms(glossary: str) -> Iterator[Term]:
    """The entries of a glossary, see `Prose`."""
    document = core.publish_doctree(glossary, settings_overrides=SETTINGS)
    for item in list(document.findall(nodes.definition_list_item)):
        name = next(item.findall(nodes.term)).astext()
        synonyms = tuple(node.astext() for node in item.findall(nodes.classifier))
        meaning = document.deepcopy()
        meaning.children = []
        meaning += next(item.findall(nodes.definition)).children
        yield Term(name, synonyms, _html(meaning))


def _html(document: nodes.document) -> str:
    parts = core.publish_parts(
        document,
        source_class=io.DocTreeInput,
        reader=doctree.Reader(),
        writer=html5_polyglot.Writer(),
        settings_overrides=SETTINGS,
    )
    return str(parts["body"])

"""MkDocs hook: links in notebooks lead to pages, and no page loads anything from another server.

MkDocs itself follows and checks the links of Markdown pages only. The site opens from disk, without a network.
"""

from __future__ import annotations

import posixpath
import re
from html.parser import HTMLParser
from typing import Any

from mkdocs.exceptions import PluginError

LINK = re.compile(r'href="([^":#]+\.(?:md|ipynb))(#[^"]*)?"')
LOADED_BY = ("src", "srcset", "data", "poster")
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload"}


class Addresses(HTMLParser):
    """Collects the addresses on other servers that a page loads; a link is followed by readers, not loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each element."""
        values = {name: value or "" for name, value in attrs}
        addresses = [values[name] for name in LOADED_BY if name in values]
        if tag == "link" and LOADING_LINKS & set(values.get("rel", "").split()):
            addresses.append(values.get("href", ""))
        self.elsewhere += [url for url in addresses if url.startswith(("http:", "https:", "//"))]


def loaded_from_elsewhere(html: str) -> list[str]:
    """The addresses on other servers that a page loads."""
    addresses = Addresses()
    addresses.feed(html)
    return addresses.elsewhere


def on_page_content(html: str, page: Any, files: Any, **_: Any) -> str:
    """Called by MkDocs for the content of each page."""
    source = page.file.src_uri
    if not source.endswith(".ipynb"):
        return html

    def lead(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        target = files.get_file_from_path(path)
        if target is None:
            raise PluginError(f"{source} links to {link[1]}, which is no page")
        return f'href="{target.url_relative_to(page.file)}{link[2] or ""}"'

    return LINK.sub(lead, html)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Called by MkDocs for each page as it is written."""
    if addresses := loaded_from_elsewhere(output):
        raise PluginError(f"{page.file.src_uri} loads from other servers: {', '.join(addresses)}")
    return output

"""MkDocs hook: the site opens from disk, so no page may load anything from another server."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from mkdocs.exceptions import PluginError

LOADED_BY = ("src", "srcset", "data", "poster")  # a link is followed by a reader, not loaded
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload"}


class Sources(HTMLParser):
    """Collects the addresses on other servers that a page loads."""

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


def elsewhere(page: str) -> list[str]:
    """The addresses on other servers that an HTML page loads."""
    sources = Sources()
    sources.feed(page)
    return sources.elsewhere


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Called by MkDocs for each page."""
    if addresses := elsewhere(output):
        raise PluginError(f"{page.file.src_uri} loads from other servers: {', '.join(addresses)}")
    return output

"""Every link of the documents to another document, a heading or a file leads somewhere."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

SOURCES = {"link_open": "href", "image": "src"}


def targets(page: Any) -> list[tuple[int, str]]:
    """Line of its paragraph, and target, of every link and picture, those in HTML included."""
    found = [(line, str(token.attrs[name])) for kind, name in SOURCES.items() for line, token in page.inline(kind)]
    for token in page.tokens:
        html = [child.content for child in token.children or () if child.type == "html_inline"]
        html += [token.content] if token.type == "html_block" else []
        line = (token.map or [0])[0] + 1
        found += [(line, target) for text in html for target in re.findall(r'(?:src|href)="([^"]+)"', text)]
    return found


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub and MyST make them."""
    tokens = MarkdownIt("commonmark").parse(text)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere(page: Any) -> None:
    broken = []
    for line, target in targets(page):
        link = urlsplit(target)
        if link.scheme:
            continue
        path = page.path.parent / unquote(link.path) if link.path else page.path
        if not path.exists() or (link.fragment and link.fragment not in anchors(path.read_text(encoding="utf-8"))):
            broken.append(f"{page}:{line}: {target}")
    assert not broken, "\n".join(broken)

"""What a browser would find in a page, for tests."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser


class Reader(HTMLParser):
    """The elements of a page with their attributes, its visible text, and what stands in its script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw: dict[str, str] = {}
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the element."""
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        """What follows is no script any more."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Remember the text, apart from script and style."""
        if self._inside in ("script", "style"):
            self.raw[self._inside] = self.raw.get(self._inside, "") + data
        else:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def with_class(self, word: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this class."""
        return [one for _, one in self.elements if word in (one.get("class") or "").split()]


def faults_of(page: str) -> list[str]:
    """Why a page could run, load or mislead: anything that comes from elsewhere, twice the same id, a dead link."""
    read = Reader(page)
    ids = [one["id"] for _, one in read.elements if "id" in one]
    found = [f"id {one} stands twice" for one in set(ids) if ids.count(one) > 1]
    for tag, attributes in read.elements:
        found += [f"<{tag}> has {name}" for name in attributes if name.startswith("on") or name in ("style", "src")]
        href = attributes.get("href")
        if href is not None and href != "#" + href[1:]:
            found.append(f"{href} leads out of the page")
        elif href is not None and href[1:] not in ids:
            found.append(f"{href} leads nowhere")
    for tag in ("iframe", "object", "embed", "link", "img", "base", "foreignobject"):
        found += [f"there is a <{tag}>" for _ in read.of(tag)]
    for tag in ("script", "style"):
        found += [] if len(read.of(tag)) == 1 else [f"there are {len(read.of(tag))} elements {tag}"]
        digest = base64.b64encode(hashlib.sha256(read.raw.get(tag, "").encode()).digest()).decode()
        found += [] if re.search(rf"{tag}-src 'sha256-{re.escape(digest)}'", page) else [f"the {tag} is not pinned"]
    return found

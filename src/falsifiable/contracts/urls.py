"""Addresses of artifacts that lie elsewhere: which are accepted, and how they are shown without their secrets."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

PROTOCOLS = ("http", "https", "s3", "gs", "az", "hf")
"""What an artifact may be read through. fsspec knows many more, some of which unpack archives or read local files."""

# One protocol, a host without user and password, no chain (``::``), nothing invisible, no backslash. The same pattern
# stands in the JSON Schema, so it keeps to what regular expressions of JavaScript know.
URL_PATTERN = rf"^({'|'.join(PROTOCOLS)})://[^/?#@:\s\\]+(:[0-9]+)?(/([^:\s\\]|:(?!:))*)?$"
_MOST_CHARACTERS = 4_096
_USER = re.compile(r"(://|https?:/)[^/?#\s]*@")
_QUERY = re.compile(r"((?:://|https?:/)[^?#\s]*)[?#]\S*")


def looks_like_url(text: str) -> bool:
    """Whether ``text`` was meant as a URL; ``https:/x`` is what is left of one that was taken for a path."""
    return "://" in text or re.match(r"https?:/", text) is not None


def url_fault(url: str) -> str:
    """Why ``url`` cannot be the place of an artifact; empty where it can. The text names nothing secret."""
    protocol, separator, rest = url.partition("://")
    if not separator:
        return "a URL without '://'"
    if "::" in url:
        return "a chain of protocols"
    if protocol.lower() not in PROTOCOLS:
        return f"the protocol {protocol[:20]!r}"
    if len(url) > _MOST_CHARACTERS or "\\" in url or not url.isprintable() or " " in url:
        return "a URL with a backslash, a space or an invisible character, or a very long one"
    try:
        parts = urlsplit(url)
        named = parts.hostname if protocol.startswith("http") else parts.netloc
        _ = parts.port if protocol.startswith("http") else None
    except ValueError:
        return "a URL whose host cannot be read"
    if not named:
        return "a URL without a host"
    return "a path that climbs out with '..'" if ".." in re.split(r"[/?#]", rest) else ""


def without_secrets(text: str) -> str:
    """``text`` with every URL in it stripped of user, password, query and fragment, which may be keys."""
    return _QUERY.sub(r"\1", _USER.sub(r"\1", text))

"""Byte ranges from elsewhere, through fsspec: a request that fails, fails at once and says why.

Nothing is retried, and a request takes ten seconds at most. HTTP answers are judged here and not by fsspec, which would
take a whole file in answer to a range, unpack a compressed one, and say little about either.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from falsifiable.artifacts.errors import ArtifactError

if TYPE_CHECKING:
    from falsifiable.artifacts.sources.remote_path import RemotePath

SECONDS = 10.0
_MOST_REDIRECTS = 5
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")
_NETWORK_HINT = "Nothing is tried twice; run it again, or fetch the file and give its path"

# The package behind a protocol of fsspec that is no part of the extra, by what fsspec's own registry names.
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface_hub"}


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one version of a remote file from the next: its size in bytes and the tag its server gives it.

    ``strong`` means that the server promises other bytes another tag (RFC 9110, 8.8.1). A tag that is empty, or that is
    only a date, tells versions apart if they differ in size or were written in different seconds.
    """

    size: int
    tag: str
    strong: bool


def fetch(path: RemotePath, start: int, count: int, seconds: float = SECONDS) -> tuple[bytes, Identity]:
    """Up to ``count`` bytes from ``start`` (fewer at the end of the file) and what the server said the file is.

    Raises:
        ArtifactError: for whatever goes wrong, with the URL and what to do.
    """
    if path.protocol in ("http", "https"):
        return _fetch_http(path, start, count, seconds)
    return _fetch_from_store(path, start, count, seconds)


def names_in(path: RemotePath, seconds: float = SECONDS) -> list[str] | None:
    """The names in a remote folder; None where the protocol has no list of them."""
    if path.protocol in ("http", "https"):
        return None
    system = _file_system(path)
    found = _asked(path, system, "ls", seconds, _location(path), detail=False)
    return sorted(str(name).rstrip("/").rpartition("/")[2] for name in found)


class Absent(ArtifactError):
    """There is no such file, which is an answer and no failure where a file may be absent."""


def _file_system(path: RemotePath, **options: Any) -> Any:
    try:
        import fsspec

        return fsspec.filesystem(path.protocol, **options)
    except ImportError:
        package = _PACKAGES.get(path.protocol, "'falsifiable[remote]'")
        raise ArtifactError(
            path, f"nothing here reads {path.protocol}://", hint=f"Install it: pip install {package}"
        ) from None


# HTTP


def _fetch_http(path: RemotePath, start: int, count: int, seconds: float) -> tuple[bytes, Identity]:
    try:
        import aiohttp
        import fsspec.asyn
    except ImportError:
        raise ArtifactError(
            path, "nothing here reads http", hint="Install it: pip install 'falsifiable[remote]'"
        ) from None
    limits = aiohttp.ClientTimeout(total=seconds, sock_connect=seconds, sock_read=seconds)
    system = _file_system(path, client_kwargs={"timeout": limits, "trust_env": True})

    async def requested() -> tuple[bytes, Identity]:
        session = await system.set_session()
        headers = {"Range": f"bytes={start}-{start + count - 1}", "Accept-Encoding": "identity"}
        async with session.get(
            urldefrag(path.url)[0], headers=headers, max_redirects=_MOST_REDIRECTS, allow_redirects=True
        ) as answer:
            return await _judged(path, answer, start, count)

    try:
        found: tuple[bytes, Identity] = fsspec.asyn.sync(system.loop, requested, timeout=seconds + 1)
    # The library's own words may hold the URL with its keys: they are neither quoted nor chained.
    except TimeoutError:
        raise _late(path, start, seconds) from None
    except (aiohttp.InvalidURL, aiohttp.RedirectClientError, aiohttp.TooManyRedirects):
        raise ArtifactError(
            path, "is redirected to what is no http URL, or for ever", expected=f"at most {_MOST_REDIRECTS} redirects"
        ) from None
    except aiohttp.ClientSSLError:
        raise ArtifactError(
            path, "the server's TLS certificate or protocol was not accepted", hint="Check the host and its certificate"
        ) from None
    except aiohttp.ClientConnectorError as fault:
        reason = fault.os_error.strerror or "the name of the host is not known"
        raise ArtifactError(path, f"no connection to the server: {reason}", hint=_NETWORK_HINT) from None
    except aiohttp.ClientPayloadError:
        raise _cut(path, start, count) from None
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        raise ArtifactError(
            path, f"the server's answer cannot be read ({type(fault).__name__})", offset=start, hint=_NETWORK_HINT
        ) from None
    return found


async def _judged(path: RemotePath, answer: Any, start: int, count: int) -> tuple[bytes, Identity]:
    """The bytes of an answer that is what was asked for; nothing is read of any other."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ArtifactError(
            path,
            "the server sends the file compressed, so that no byte of it has a place",
            expected="no Content-Encoding",
            hint="Serve it as it is, or fetch it and give its path",
        )
    placed = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if answer.status == 206:
        return await _part(path, answer, placed, start, count)
    if answer.status == 416 and placed is not None and placed[1] is None:
        if start == 0 and int(placed[3]) == 0:
            return b"", _identity(answer.headers, 0)
        raise changed(path, start)
    if answer.status == 200:
        return await _whole(path, answer, start, count)
    raise _refusal(path, answer.status)


async def _part(
    path: RemotePath, answer: Any, placed: re.Match[str] | None, start: int, count: int
) -> tuple[bytes, Identity]:
    if placed is None or placed[1] is None or int(placed[1]) != start or int(placed[2]) >= start + count:
        raise ArtifactError(
            path, "the server sends another part than was asked for", offset=start, expected=f"{count} bytes from there"
        )
    size, expected = int(placed[3]), int(placed[2]) - start + 1
    content = await _body(path, answer, expected, start)
    if len(content) != min(count, size - start) or expected != len(content):
        raise _cut(path, start, count)
    return content, _identity(answer.headers, size)


async def _whole(path: RemotePath, answer: Any, start: int, count: int) -> tuple[bytes, Identity]:
    """A server that ignores ranges is heard out where the whole file is no more than was asked for."""
    size = answer.content_length
    if start or size is None or size > count:
        raise ArtifactError(
            path,
            "the server ignores byte ranges and would send the whole file"
            + ("" if size is None else f", {size} bytes"),
            offset=start,
            expected="status 206 with a Content-Range",
            hint="Fetch the file and give its path",
        )
    content = await _body(path, answer, size, 0)
    if len(content) != size:
        raise _cut(path, 0, size)
    return content, _identity(answer.headers, size)


async def _body(path: RemotePath, answer: Any, expected: int, start: int) -> bytes:
    """The body as far as it was announced; a longer one is dropped with its connection."""
    parts: list[bytes] = []
    received = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        received += len(part)
        if received > expected:
            answer.close()
            raise ArtifactError(
                path, "the server sends more than it announced", offset=start, expected=f"{expected} bytes"
            )
    return b"".join(parts)


def _identity(headers: Mapping[str, str], size: int) -> Identity:
    tag = headers.get("ETag", "")
    strong = len(tag) > 2 and tag.startswith('"')
    return Identity(size, tag or headers.get("Last-Modified", ""), strong)


_STATUS_MEANS = {
    401: ("the server wants a login (HTTP 401)", "Put the credentials in ~/.netrc, or fetch the file"),
    403: ("permission denied (HTTP 403)", "Check that the address has not expired and that you may read it"),
    429: ("the server asks for fewer requests (HTTP 429)", "Wait, or fetch the file and give its path"),
}


def _refusal(path: RemotePath, status: int) -> ArtifactError:
    if status in (404, 410):
        return Absent(path, f"no such file (HTTP {status})", hint="Check the address")
    message, hint = _STATUS_MEANS.get(status, (f"the server answered with HTTP status {status}", _NETWORK_HINT))
    return ArtifactError(path, message, hint=hint)


# Object stores


def _fetch_from_store(path: RemotePath, start: int, count: int, seconds: float) -> tuple[bytes, Identity]:
    system = _file_system(path, **_store_options(path.protocol, seconds))
    system.invalidate_cache()  # what was listed before says nothing of what is there now
    location = _location(path)
    found = _asked(path, system, "info", seconds, location)
    size = found.get("size")
    if found.get("type") == "directory" or not isinstance(size, int):
        raise Absent(path, "is no file", expected="a file with a size")
    tag = next((str(found[key]) for key in ("ETag", "etag", "md5Hash", "sha256", "blob_id") if found.get(key)), "")
    identity = Identity(size, tag or str(found.get("LastModified") or found.get("mtime") or ""), bool(tag))
    end = min(start + count, size)
    content = b"" if end <= start else bytes(_asked(path, system, "cat_file", seconds, location, start=start, end=end))
    if len(content) != max(0, end - start):
        raise _cut(path, start, count)
    return content, identity


def _store_options(protocol: str, seconds: float) -> dict[str, Any]:
    if protocol != "s3":
        return {}
    waits = {"connect_timeout": seconds, "read_timeout": seconds, "retries": {"max_attempts": 0}}
    return {"config_kwargs": waits}  # of botocore


def _location(path: RemotePath) -> str:
    return urldefrag(path.url)[0].partition("?")[0]


def _asked(path: RemotePath, system: Any, question: str, seconds: float, *arguments: Any, **named: Any) -> Any:
    """What the file system answers; whatever its library raises becomes one ArtifactError."""
    try:
        if system.async_impl:
            import fsspec.asyn

            method: Callable[..., Any] = getattr(system, f"_{question}")
            return fsspec.asyn.sync(system.loop, method, *arguments, timeout=seconds, **named)
        return getattr(system, question)(*arguments, **named)
    except FileNotFoundError:
        raise Absent(path, "no such file", hint="Check the address, and that you may read it") from None
    except PermissionError:
        raise ArtifactError(path, "permission denied", hint="Check the credentials of this store") from None
    except TimeoutError:
        raise _late(path, named.get("start"), seconds) from None
    except Exception as fault:  # noqa: BLE001 - every store has exceptions of its own, which may hold the URL's keys
        reason = errno.errorcode.get(fault.errno or 0, "") if isinstance(fault, OSError) else ""
        raise ArtifactError(
            path, f"{type(fault).__name__} {reason}".strip(), offset=named.get("start"), hint=_NETWORK_HINT
        ) from None


def changed(path: RemotePath, offset: int | None = None) -> ArtifactError:
    """The file is no longer the one that was opened."""
    return ArtifactError(
        path, "the file changed while it was read", offset=offset, hint="Validate again once nothing writes to it"
    )


def _late(path: RemotePath, offset: int | None, seconds: float) -> ArtifactError:
    return ArtifactError(path, f"no full answer within {seconds:g} seconds", offset=offset, hint=_NETWORK_HINT)


def _cut(path: RemotePath, start: int, count: int) -> ArtifactError:
    return ArtifactError(
        path, "the server's answer was cut off", offset=start, expected=f"{count} bytes", hint=_NETWORK_HINT
    )

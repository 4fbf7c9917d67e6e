"""A real HTTP server for tests: it serves a folder by range, counts, and misbehaves on demand."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Served:
    """What is served and how: ``fault`` names a misbehaviour, ``bytes_sent`` counts bodies, ``asked`` the requests."""

    folder: Path
    url: str = ""
    fault: str = ""
    etag: str | None = '"1"'
    bytes_sent: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def ranges_of(self, name: str) -> list[str]:
        """The ranges that were asked of one file."""
        return [asked for path, asked in self.asked if path == name]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def handle(self) -> None:
        """Serve until the other side hangs up, which may be in the middle of a request."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Serve one range of one file."""
        served, name = self.served, unquote(urlsplit(self.path).path).lstrip("/")
        asked = self.headers.get("Range", "")
        served.asked.append((name, asked))
        file = served.folder / name
        if served.fault.startswith("status "):
            return self._answer(int(served.fault.removeprefix("status ")), {}, b"")
        if served.fault.startswith("redirect "):
            return self._answer(302, {"Location": served.fault.removeprefix("redirect ")}, b"")
        if served.fault == "silence":
            served.released.wait(30)
            return None
        if not file.is_file():
            return self._answer(404, {}, b"there is no such file")
        return self._range(file, asked)

    def _range(self, file: Path, asked: str) -> None:
        served, size = self.served, file.stat().st_size
        headers = {} if served.etag is None else {"ETag": served.etag}
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
        if found is None or served.fault == "no ranges":
            with file.open("rb") as source:
                return self._answer(200, headers, source.read(2**20), length=size)
        start, end = int(found[1]), min(int(found[2]), size - 1)
        if start >= size:
            return self._answer(416, {**headers, "Content-Range": f"bytes */{size}"}, b"")
        with file.open("rb") as source:
            source.seek(start)
            content = source.read(end - start + 1)
        total = size + 1 if served.fault == "another size" and start else size
        headers["Content-Range"] = f"bytes {start}-{end}/{total}"
        if served.fault == "another part":
            headers["Content-Range"] = f"bytes {start + 1}-{end + 1}/{total}"
        if served.fault == "gzip":
            headers["Content-Encoding"] = "gzip"
        if served.fault == "short":  # says so, and sends less than was asked for
            headers["Content-Range"] = f"bytes {start}-{end - 10}/{total}"
            return self._answer(206, headers, content[:-10])
        if served.fault == "cut":
            self.close_connection = True
            return self._answer(206, headers, content[: len(content) // 2], length=len(content))
        if served.fault == "long":
            return self._answer(206, headers, content + b"more")
        return self._answer(206, headers, content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body) if length is None else length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.served.bytes_sent += len(body)
        try:
            self.wfile.write(body)
        except OSError:  # the other side hung up, which is what some of the tests are about
            self.close_connection = True
        if length is not None and length != len(body):
            self.close_connection = True


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve ``folder`` at ``http://127.0.0.1:PORT`` while the block runs."""
    served = Served(folder)
    handler = type("Handler", (_Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.released.set()
        server.shutdown()
        server.server_close()
        thread.join()

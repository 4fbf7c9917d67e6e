"""A small client of yaml-language-server: what an editor asks while somebody writes a contract, over LSP on stdio.

The server is looked for on the PATH, and where ``make language-server`` puts it; nothing of it is kept here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

ROOT = Path(__file__).parents[2]
OUTSIDE = ".outside/node_modules/.bin"
PATIENCE = 60.0
"""Seconds without an answer after which the server is taken for hung."""

CAPABILITIES = {
    "textDocument": {
        "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "publishDiagnostics": {},
    },
    "workspace": {"configuration": True},
}


def installed() -> str | None:
    """Where the server is, None where it is not installed."""
    return shutil.which("yaml-language-server") or shutil.which("yaml-language-server", path=ROOT / OUTSIDE)


@dataclass
class Editor:
    """An editor that writes files in ``folder``; a question gives the position as ``|`` in the text."""

    process: subprocess.Popen[bytes]
    folder: Path
    settings: Mapping[str, Any]
    answers: Queue[dict[str, Any]] = field(default_factory=Queue)
    published: Queue[tuple[str, list[dict[str, Any]]]] = field(default_factory=Queue)
    asked: int = 0
    opened: int = 0

    def completions(self, text: str) -> dict[str, dict[str, Any]]:
        """What is offered at the ``|``: label -> item."""
        result = self._at("textDocument/completion", text)
        items = result if isinstance(result, list) else (result or {}).get("items", [])
        return {one["label"]: one for one in items}

    def hover(self, text: str) -> str:
        """What is shown over the word at the ``|``."""
        result = self._at("textDocument/hover", text)
        return "" if result is None else str(result["contents"]["value"])

    def underlined(self, file: Path | str) -> list[str]:
        """What is said of a file, or of a new one with this text: ``line: message``."""
        path, text = (self._new(), file) if isinstance(file, str) else (file, file.read_text(encoding="utf-8"))
        uri = self._open(path, text)
        while True:
            said, found = self.published.get(timeout=PATIENCE)
            if said == uri:
                return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in found]

    def _at(self, method: str, text: str) -> Any:
        before, _, after = text.partition("|")
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        uri = self._open(self._new(), before + after)
        return self.request(method, {"textDocument": {"uri": uri}, "position": position})

    def _new(self) -> Path:
        """A file of its own for each question, so that no answer about an earlier text is taken for one about this."""
        self.opened += 1
        return self.folder / f"question-{self.opened}.yaml"

    def _open(self, path: Path, text: str) -> str:
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def request(self, method: str, params: Any) -> Any:
        """Ask, and wait for the answer."""
        self.asked += 1
        self._send({"id": self.asked, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=PATIENCE)
            if answer["id"] == self.asked:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def notify(self, method: str, params: Any) -> None:
        """Tell, without an answer."""
        self._send({"method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self) -> None:
        """Sort what the server says, until it ends; what it asks is answered at once."""
        while (message := self._message()) is not None:
            if "method" not in message:
                self.answers.put(message)
            elif message["method"] == "textDocument/publishDiagnostics":
                self.published.put((message["params"]["uri"], message["params"]["diagnostics"]))
            elif "id" in message:
                self._send({"id": message["id"], "result": self._answer(message)})

    def _answer(self, message: Mapping[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [self.settings.get(one.get("section", ""), {}) for one in message["params"]["items"]]

    def _message(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        length = 0
        while (line := self.process.stdout.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self.process.stdout.read(length)) if line else None


@contextmanager
def editor(
    command: Sequence[str], root: Path, schemas: Mapping[str, str | list[str]] | None = None
) -> Iterator[Editor]:
    """An editor with the folder ``root`` open, whose settings map ``schemas`` (a URL) to patterns of files."""
    yaml = {
        "validate": True, "hover": True, "completion": True, "schemas": dict(schemas or {}),
        "schemaStore": {"enable": False, "url": ""}, "kubernetesCRDStore": {"enable": False},
    }  # fmt: skip
    process = subprocess.Popen([*command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
    one = Editor(process, root, {"yaml": yaml})
    reader = threading.Thread(target=one.read, daemon=True)
    reader.start()
    try:
        folder = {"uri": root.as_uri(), "name": root.name}
        one.request("initialize", {
            "processId": os.getpid(), "rootUri": root.as_uri(), "workspaceFolders": [folder],
            "capabilities": CAPABILITIES,
        })  # fmt: skip
        one.notify("initialized", {})
        one.notify("workspace/didChangeConfiguration", {"settings": {"yaml": yaml}})
        yield one
        one.request("shutdown", None)
        one.notify("exit", None)
        process.wait(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=PATIENCE)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

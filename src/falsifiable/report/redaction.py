"""What a document for others must not say: on which machine, under whose name and in which folders it was made."""

from __future__ import annotations

import getpass
import os
import platform
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HIDDEN = "(redacted)"
# Keys under which a record would name a machine, a person or a folder of theirs.
_NAMING_KEYS = frozenset({"host", "hostname", "hosts", "node", "nodename", "user", "username", "cwd", "home", "fqdn"})
_SECRET = re.compile(r"token|secret|password|passwd|api.?key|credential", re.IGNORECASE)
# Accounts that every machine has: their names are words, and say nothing of anybody.
_NOBODY = frozenset({"root", "user", "runner", "nobody", "admin", "ubuntu", "debian", "localhost", "local"})
_FEWEST_CHARACTERS = 3
# A path from the root of the file system, but no part of a URL, of a relative path or of a fraction.
_ABSOLUTE = re.compile(r"(?<![\w/.~)…-])/(?!/)(?:[^\s/\"'`<>|;,:()\[\]{}]+/)+[^\s/\"'`<>|;,:()\[\]{}]*")
_ABSOLUTE_ON_WINDOWS = re.compile(r"(?<!\w)[A-Za-z]:\\[^\s\"'`<>|;,]*")
_FILE_URL = re.compile(r"file:/+[^\s\"'`<>]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is taken out of texts: ``places`` (folder -> what stands for it) and ``words`` (names of machine, person).

    Every other absolute path keeps its last name alone.
    """

    places: Mapping[str, str]
    words: tuple[str, ...] = ()

    @classmethod
    def of_this_machine(cls, *folders: Path) -> Redaction:
        """What names this machine, whoever uses it, and the folders given, which are shown as ``.``."""
        here = [Path.cwd(), *folders]
        places = {str(place): "." for folder in here for place in (folder.absolute(), folder.resolve())}
        homes = {os.environ.get("HOME", ""), os.path.expanduser("~")}  # noqa: PTH111 - never raises
        places |= {home.rstrip("/"): "~" for home in homes if len(home.rstrip("/")) > 1}
        return cls({place: sign for place, sign in places.items() if len(place) > 1}, tuple(_names()))

    def text(self, text: str) -> str:
        """``text`` without what names a machine, a person or a folder of theirs."""
        for place in sorted(self.places, key=len, reverse=True):
            text = text.replace(f"{place}/", "" if self.places[place] == "." else f"{self.places[place]}/")
            text = text.replace(place, self.places[place])
        text = _FILE_URL.sub("file:…", text)
        text = _ABSOLUTE.sub(lambda found: "…/" + _last(found[0].split("/")), text)
        text = _ABSOLUTE_ON_WINDOWS.sub(lambda found: "…/" + _last(found[0].split("\\")), text)
        for word in self.words:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", _HIDDEN, text, flags=re.IGNORECASE)
        return text

    def data(self, value: Any) -> Any:
        """JSON data with every text in it redacted, keys included; what stands under a naming key goes whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): _HIDDEN if str(key).lower() in _NAMING_KEYS else self.data(one)
                for key, one in value.items()
            }
        if isinstance(value, Sequence):
            return [self.data(one) for one in value]
        return value

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The arguments of a command: redacted, and without the values of options that hold a secret."""
        shown, hide_next = [], False
        for argument in arguments:
            name, equals, _ = argument.partition("=")
            is_secret = bool(_SECRET.search(name)) and (argument.startswith("-") or bool(equals))
            shown.append(_HIDDEN if hide_next else f"{name}={_HIDDEN}" if is_secret and equals else self.text(argument))
            hide_next = is_secret and not equals and not hide_next
        return shown


def _names() -> Iterable[str]:
    """The names of this machine, long and short, and of whoever is logged in, the longest first."""
    hosts = {socket.gethostname(), platform.node(), os.environ.get("HOSTNAME", "")}
    try:
        users = {getpass.getuser()}
    except (KeyError, OSError):  # an id without an account
        users = set()
    users |= {os.environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME")}
    short = {host.split(".")[0] for host in hosts}
    found = {one for one in (*hosts, *short, *users) if len(one) >= _FEWEST_CHARACTERS}
    return sorted((one for one in found if one.lower() not in _NOBODY), key=len, reverse=True)


def _last(parts: Sequence[str]) -> str:
    """The last name of a path."""
    return next((part for part in reversed(parts) if part), "")

"""A new amendment, for its author to fill in: what is not known yet reads ``...``."""

from __future__ import annotations

import json
from collections.abc import Mapping

from falsifiable.contracts.versions import Bump

_TEMPLATE = """\
---
amendment: {title}
created: {created}
bump: {bump}
# Each contract that this changes, and how far that moves its version: patch, minor or major.
contracts:{contracts}

# Texts are Markdown. Below a | they may hold any character; all lines are indented alike.
finding: |
  ...

# Why could that be? Then why could the answer be? Five answers, each a sentence or two.
five_whys:
  - |
    ...
  - |
    ...
  - |
    ...
  - |
    ...
  - |
    ...

# The statements under evidence/ that this rests on, each by its first 12 digits or more, in quotes.
evidence: []

net_effect: |
  ...

# What to do otherwise next time, one sentence each; they are numbered when this is released.
lessons: []

# The numbers of the sections that this takes the place of.
supersedes: []
---
"""


def new_amendment(title: str, created: str, bump: Bump, contracts: Mapping[str, Bump]) -> bytes:
    """The bytes of a new amendment file; ``title`` is one line, ``created`` a time such as 2026-11-21T17:50:00Z."""
    named = "".join(f"\n  {name}: {contracts[name].word}" for name in sorted(contracts)) or " {}"
    quoted = json.dumps(title, ensure_ascii=False)
    return _TEMPLATE.format(title=quoted, created=created, bump=bump.word, contracts=named).encode()

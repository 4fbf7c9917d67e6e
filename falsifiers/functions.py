"""Python functions that a model is asked to write: how each begins, and where what was written ends."""

from __future__ import annotations

from falsifiers.sampling import Completion

_VERBS = ("read", "write", "count", "find", "sort", "merge", "check", "parse", "remove", "update")
_NOUNS = ("file", "list", "name", "date", "line", "user", "word", "number", "price", "path")


def function_headers(count: int) -> list[str]:
    """``count`` (at most 100) beginnings of functions, all different."""
    made = [
        f'def {verb}_{noun}({noun}):\n    """{verb.capitalize()} a {noun}."""' for verb in _VERBS for noun in _NOUNS
    ]
    return made[:: max(1, len(made) // count)][:count] if count > 0 else []


def body_of(one: Completion) -> tuple[str, bool]:
    """The completion up to where its text returns to the left margin, and whether it ended there or by itself."""
    lines = one.text.splitlines(keepends=True)
    first = 0 if one.prompt.endswith("\n") else 1
    for at, line in enumerate(lines):
        if at >= first and line.strip() and not line[0].isspace():
            return "".join(lines[:at]), True
    return one.text, one.stopped

"""Chat templates and configurations looked at for code that whoever loads the model would run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from falsifiable.artifacts.safety.findings import Finding

_SPECIAL_ATTRIBUTE = re.compile(r"__\w+__|\\x5f|\\u005f", re.IGNORECASE)
_UNUSUAL = re.compile(r"\battr\s*\(|\|\s*attr\b|\bimport\b|\binclude\b|\bextends\b|\blipsum\b|\bcycler\b|\bjoiner\b")
# A text that begins or ends with an underscore, and a format that makes letters of numbers: how names are put together.
_PIECES = re.compile(r"['\"]_[^'\"]*['\"]|['\"][^'\"]*_['\"]|%c")
_LONGEST_SHOWN = 60


def template_findings(template: str, file: str) -> Iterator[Finding]:
    """Findings in the statements and expressions of a Jinja template, which is not rendered."""
    for place, code in _jinja_code(template):
        special = _SPECIAL_ATTRIBUTE.search(code)
        if special is not None:
            yield Finding(
                "chat-template", "dangerous", file, place, f"the chat template reaches {special[0]!r}",
                "in an unsandboxed renderer such attributes lead to running commands",
            )  # fmt: skip
            return
        unusual = _UNUSUAL.search(code) or _PIECES.search(code)
        if unusual is not None:
            yield Finding(
                "chat-template", "suspicious", file, place, f"the chat template uses {unusual[0][:_LONGEST_SHOWN]!r}",
                "no chat template needs it, and attacks on renderers do",
            )  # fmt: skip
            return


def _jinja_code(template: str) -> Iterator[tuple[int, str]]:
    """The text between ``{{ }}`` and ``{% %}``, with its place."""
    position = 0
    while (start := template.find("{", position)) >= 0:
        opening = template[start : start + 2]
        closing = {"{{": "}}", "{%": "%}", "{#": "#}"}.get(opening)
        if closing is None:
            position = start + 1
            continue
        end = template.find(closing, start + 2)
        end = len(template) if end < 0 else end
        if opening != "{#":
            yield start, _without_texts(template[start + 2 : end])
        position = end + 2


def _without_texts(code: str) -> str:
    """Words in string literals say nothing, escapes, formats and underscores in them do."""
    return re.sub(r"'[^'_%\\]*'|\"[^\"_%\\]*\"", "''", code)


def configuration_findings(fields: Mapping[str, object], file: str) -> Iterator[Finding]:
    """Findings in config.json or tokenizer_config.json: code of its own, and chat templates."""
    custom = fields.get("auto_map") or fields.get("custom_pipelines")
    if custom:
        named = ", ".join(map(str, custom.values()) if isinstance(custom, Mapping) else ())
        yield Finding(
            "custom-code", "suspicious", file, None, f"auto_map names {named[:200] or 'code'}",
            "it is downloaded and run with trust_remote_code=True",
        )  # fmt: skip
    templates = fields.get("chat_template")
    for one in templates if isinstance(templates, list) else [templates]:
        text = one.get("template") if isinstance(one, Mapping) else one
        if isinstance(text, str):
            yield from template_findings(text, file)

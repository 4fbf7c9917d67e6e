"""Rules about the shape of a file: which keys it has and what stands under them."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

SHAPE_RULES = (
    Rule(
        "CONTRACT-UNKNOWN-KEY",
        "a key that a contract does not have",
        "A misspelt key that is ignored is a claim that is never checked, so every key must be known.",
        "falsifiers:\n  - id: FALSIFY-001\n    claim: It loads\n    chek: artifact.sound\n    on: {artifact: export}",
        "falsifiers:\n  - id: FALSIFY-001\n    claim: It loads\n    check: artifact.sound\n    on: {artifact: export}",
        "Correct the spelling; the message names the nearest known key and all others.",
    ),
    Rule(
        "CONTRACT-MISSING-KEY",
        "a key is missing",
        "A contract needs `contract`, `version`, `title` and `falsifiers`; a falsifier `id`, `claim` and `check`; an "
        "artifact its `kind`.",
        "artifacts:\n  export: {description: what llama.cpp loads}",
        "artifacts:\n  export: {kind: model, description: what llama.cpp loads}",
        "Add the key.",
    ),
    Rule(
        "CONTRACT-TYPE",
        "a value of the wrong type",
        'A text stands where a number is wanted, a single value where a list is, and so on. YAML 1.2 decides: "1e-5" '
        "in quotes is a text, 1e-5 a number; 1.10 is a number, '1.10' a text; yes, no, on and off are texts.",
        "discharge:\n  export: {parameters: {at_least: '490e6'}}",
        "discharge:\n  export: {parameters: {at_least: 490e6}}",
        "Add or remove the quotes, or the brackets of a list.",
    ),
    Rule(
        "CONTRACT-VALUE",
        "a value that is not allowed here",
        "Ids, names and versions have a fixed form, and some keys take one of a few words. Ids are file names on every "
        "system, so they are upper-case letters, digits and hyphens, at most 100 characters; names are lower-case.",
        'version: "1.10"',
        "version: 1.10.0",
        "Write the value in the form that the message names. A letter that looks right may be of another alphabet.",
    ),
    Rule(
        "ARTIFACTS-UNKNOWN-KEY",
        "a key that a binding does not have",
        "A binding has `path` and perhaps `sha256`, or `command` and perhaps `sources`.",
        "export: {pth: runs/reference/export/model.gguf}",
        "export: {path: runs/reference/export/model.gguf}",
        "Correct the spelling.",
    ),
    Rule(
        "ARTIFACTS-TYPE",
        "a binding of the wrong type",
        "A role is bound to a path (a text), or to a mapping with `path` or `command`. A command is a list: a program "
        "and its arguments, never a line for a shell.",
        "trainer: {command: python -m examples.pretrain}",
        "trainer: {command: [python, -m, examples.pretrain]}",
        "Write a list of texts for a command, and a text for a path.",
    ),
    Rule(
        "ARTIFACTS-VALUE",
        "a role or digest that is not one",
        "Keys are a role or CONTRACT/ROLE; `sha256` is 64 lower-case hexadecimal digits.",
        "export: {path: runs/reference/export/model.gguf, sha256: 2c26b4}",
        "export: runs/reference/export/model.gguf",
        "Copy the digest whole, as `sha256sum` prints it.",
    ),
)

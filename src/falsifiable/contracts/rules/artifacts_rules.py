"""Rules about what ``artifacts.yaml`` means: which role is which file."""

from __future__ import annotations

from falsifiable.contracts.rules.rule import Rule

_PATH = "export: runs/reference/export/model.gguf"

ARTIFACTS_RULES = (
    Rule(
        "ARTIFACTS-ENTRY",
        "a binding that is not one path, URL or command",
        "A role is bound to one `path` or `url` (perhaps pinned by `sha256`) or one `command` (perhaps with its "
        "`sources`).",
        "export: {sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}",
        _PATH,
        "Give exactly one of `path`, `url` and `command`; `sha256` goes with a path or URL, `pattern` with a path, "
        "`sources` with a command.",
    ),
    Rule(
        "ARTIFACTS-PATTERN",
        "a pattern that reads no training log",
        "A plain log is read line by line by a regular expression of which every named group is a column: `step` is "
        "required, `phase` may be one, every other group is a number. It is matched in time linear in the line, which "
        "leaves out lookaround and backreferences. Only a role of kind `run` has a pattern.",
        "run: {path: train.log, pattern: 'loss (?P<loss>[0-9.]+)'}",
        "run: {path: train.log, pattern: 'step (?P<step>[0-9]+) .* loss (?P<loss>[0-9.e+-]+)'}",
        "Write the pattern in single quotes, with a group (?P<step>...) and one for every number that is logged.",
    ),
    Rule(
        "ARTIFACTS-PATH",
        "a path outside the artifact root",
        "Paths are relative to the folder of artifacts.yaml, with forward slashes, and stay inside it: the file means "
        "the same on every machine, and a contract from elsewhere cannot reach into this one.",
        "export: ../../etc/passwd",
        _PATH,
        "Write a path relative to artifacts.yaml. To judge a file elsewhere, use --artifact ROLE=PATH or --run FOLDER.",
    ),
    Rule(
        "ARTIFACTS-URL",
        "a URL that is not read",
        "A model or a tokenizer can be judged where it lies: its headers are read by range over http, https, s3, gs, "
        "az or hf, its tensors only where a falsifier asks for them. Such bytes are not vouched for, so that their "
        "verdicts are not recorded. A user, a password or a chain of protocols has no place in the file.",
        "run: https://example.org/run.yaml",
        "export: https://example.org/model.gguf",
        "Fetch the artifact and give its path; a URL with a key goes on the command line, --artifact ROLE=URL.",
    ),
    Rule(
        "ARTIFACTS-ROLE-UNKNOWN",
        "a role that no contract declares",
        "This binding is used by nothing.",
        "exprt: runs/reference/export/model.gguf",
        _PATH,
        "Correct the spelling of the role or of the contract, or remove the line.",
        severity="warning",
    ),
    Rule(
        "ARTIFACTS-KIND",
        "a file where a command is declared, or the reverse",
        "A role of kind `command` is bound to a `command`; every other kind to a `path`.",
        "export: {command: [python, export.py]}",
        _PATH,
        "Bind the role to what its contract declares it to be.",
    ),
    Rule(
        "ARTIFACTS-PLACEHOLDER",
        "a placeholder that stands for nothing",
        "In a command's arguments {ROLE} becomes the path bound to that role and {output} a fresh, empty folder.",
        "trainer: {command: [python, train.py, --init, '{exprt}']}",
        "trainer: {command: [python, train.py, --init, '{export}', --output, '{output}']}",
        "Name a role that is bound or declared, or {output}.",
    ),
)

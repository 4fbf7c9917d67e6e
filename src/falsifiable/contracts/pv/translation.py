"""A contract in the ``pv`` dialect -> an equivalent one of ours, as text, with the bindings of the tests it names.

Every falsification test and every kani harness becomes a falsifier that runs a command; the command itself stands in
``artifacts.yaml``, because only a workspace may name what is run. A test that is prose gets a role that nothing is
bound to: it stays PROPOSED until somebody writes the test. Equations and obligations are carried over as comments,
typed statuses are not carried over at all.

What a test program says by ending with 0 may be that it skipped everything: the commands run it in
``falsifiable.testing.all_passed``, and the claims demand what that says where all tests passed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass

from falsifiable.contracts.diagnostics import Position, printable
from falsifiable.contracts.pv.citations import NodeId, cited
from falsifiable.contracts.pv.file import PvFile
from falsifiable.contracts.pv.parts import Part

_LONGEST_TITLE_CHARACTERS = 200
_LONGEST_ID_CHARACTERS = 90
_RUN = ("python", "-m", "falsifiable.testing.all_passed")
_MUST_SAY = "every test passed"
_LEFT_OUT = (
    "kernel_structure",
    "simd_dispatch",
    "enforcement",
    "verification_summary",
    "type_invariants",
    "coq_spec",
)


@dataclass(frozen=True, slots=True)
class Translation:
    """A contract of ours: its ``name``, the ``text`` of its file, and lines for ``artifacts.yaml``.

    ``bindings`` holds one line per test that can be run as it is named, ``unbound`` the ids of the others. ``left_out``
    are the blocks that have no counterpart, ``not_required`` the contracts depended on that are not there yet.
    """

    name: str
    text: str
    bindings: tuple[str, ...]
    unbound: tuple[str, ...]
    left_out: tuple[str, ...]
    not_required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Claim:
    """One falsifier to be written; ``command`` is empty where no program can run what refutes it.

    ``cites`` are the files of tests that the command names.
    """

    id: str
    role: str
    claim: str
    if_falsified: str
    tested_by: str
    command: tuple[str, ...]
    cites: tuple[str, ...] = ()


class _Names:
    """Ids and roles, each given once."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._roles: set[str] = set()

    def next(self, text: str) -> tuple[str, str]:
        """An id of ours that is ``text`` as nearly as can be, and the role of its command."""
        wanted = _hyphened(text.upper())[:_LONGEST_ID_CHARACTERS].strip("-") or "FALSIFY"
        name = _untaken(wanted, self._ids)
        return name, _untaken(name.lower() if name[0].isalpha() else f"test-{name.lower()}", self._roles)


def contract_name(file: PvFile) -> str:
    """The name that ``file`` gets as a contract of ours."""
    return _hyphened(file.stem.lower()) or "imported"


def translated(
    file: PvFile, known: Collection[str] = (), *, absent: Set[Position] = frozenset(), code: Collection[str] = ()
) -> Translation:
    """The contract of ours that states what ``file`` states.

    Args:
        file: a contract of pv without errors.
        known: names of contracts of ours; only on these can it depend.
        absent: where in the file tests are cited that do not exist; they are treated as prose.
        code: the files and folders at the top of the workspace that decide what its tests do.

    Raises:
        ValueError: the file could not be read.
    """
    if file.part is None or not file.sound:
        raise ValueError(f"{file.path} is no contract that could be read")
    contract, metadata = file.part, file.part.part("metadata") or Part(file.part.position)
    claims = list(_claims(contract, absent))
    required = [_hyphened(one.lower()) for one, _ in metadata.texts("depends_on")]
    name = contract_name(file)
    lines = [
        f"# Imported from {printable(file.path)}, a contract of pv.",
        *_comments(contract),
        f"contract: {_quoted(name)}",
        f"version: {_version(metadata.text('version'))}",
        f"title: {_quoted(_title(metadata) or name)}",
        *_listed("references", [text for text, _ in metadata.texts("references") if text.strip()]),
        *_listed("requires", [one for one in required if one in known]),
        *_artifacts(claims),
        *_falsifiers(claims),
    ]
    return Translation(
        name,
        "\n".join(lines) + "\n",
        tuple(_binding(name, one, code) for one in claims if one.command),
        tuple(one.id for one in claims if not one.command),
        tuple(one for one in _LEFT_OUT if one in contract.places),
        tuple(one for one in required if one not in known),
    )


def _claims(contract: Part, absent: Set[Position]) -> Iterator[_Claim]:
    names = _Names()
    for test in contract.parts("falsification_tests"):
        command, cites = _command(test.text("test")) if test.place("test") not in absent else ((), ())
        yield _Claim(
            *names.next(test.text("id")),
            f"{test.text('rule')}: {test.text('prediction')}",
            test.text("if_fails"),
            test.text("test"),
            command,
            cites,
        )
    for harness in contract.parts("kani_harnesses"):
        name, obligation = harness.text("harness"), harness.text("obligation")
        proves = harness.text("property") or f"The obligation {obligation} holds"
        how = f"kani proves {obligation}" + (f" with {name}" if name else "")
        bound = harness.number("bound")
        yield _Claim(
            *names.next(harness.text("id")),
            proves,
            "",
            how + (f", loops unwound {bound} times" if bound is not None else ""),
            (*_RUN, "cargo", "kani", "--harness", name) if name else (),
        )


def _command(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command that runs the tests ``text`` names, and the files they stand in; nothing where it is prose."""
    found = cited(text)
    nodes = [one for one in found if isinstance(one, NodeId)]
    if nodes:
        files = tuple(dict.fromkeys(one.file for one in nodes))
        return (*_RUN, "pytest", "-q", *map(str, nodes)), files
    if found and text.startswith("cargo "):
        return (*_RUN, *text.split()), ()
    return (), ()


def _comments(contract: Part) -> Iterator[str]:
    """What pv states and our contracts have no room for."""
    for name, equation in contract.named("equations").items():
        domain = f", for {equation.text('domain')}" if equation.text("domain") else ""
        yield _comment(f"equation {name}: {equation.text('formula')}{domain}")
        for text, _ in equation.texts("invariants"):
            yield _comment(f"invariant of {name}: {text}")
    for one in contract.parts("proof_obligations"):
        formal = f" [{one.text('formal')}]" if one.text("formal") else ""
        within = one.number("tolerance")
        tolerance = f" within {within:g}" if within is not None else ""
        yield _comment(f"obligation ({one.text('type')}): {one.text('property')}{formal}{tolerance}")
    gate = contract.part("qa_gate")
    if gate is not None and gate.text("pass_criteria"):
        yield _comment(f"gate {gate.text('id')}: {gate.text('pass_criteria')}")


def _comment(text: str) -> str:
    return "# " + printable(" ".join(text.split()))


def _artifacts(claims: Sequence[_Claim]) -> Iterator[str]:
    if claims:
        yield "artifacts:"
    for one in claims:
        yield f"  {one.role}: {{kind: command, description: {_quoted(one.tested_by or 'a test nobody has named')}}}"


def _falsifiers(claims: Sequence[_Claim]) -> Iterator[str]:
    yield "falsifiers:" if claims else "falsifiers: []"
    for one in claims:
        yield f"  - id: {_quoted(one.id)}"
        yield f"    claim: {_quoted(one.claim)}"
        yield "    check: command"
        yield f"    on: {{command: {one.role}}}"
        yield f"    with: {{stderr_contains: [{_quoted(_MUST_SAY)}]}}"
        yield "    up_to: partial  # a test of generated inputs says nothing about the files of a run"
        if one.if_falsified:
            yield f"    if_falsified: {_quoted(one.if_falsified)}"


def _binding(name: str, claim: _Claim, code: Collection[str]) -> str:
    files = [*code, *(one for one in claim.cites if one.partition("/")[0] not in code)]
    sources = f", sources: [{', '.join(map(_quoted, files))}]" if files else ""
    return f"{name}/{claim.role}: {{command: [{', '.join(map(_quoted, claim.command))}]{sources}}}"


def _listed(key: str, texts: Sequence[str]) -> Iterator[str]:
    if texts:
        yield f"{key}:"
        yield from (f"  - {_quoted(one)}" for one in texts)


def _title(metadata: Part) -> str:
    return " ".join(metadata.text("description").split())[:_LONGEST_TITLE_CHARACTERS]


def _version(text: str) -> str:
    """``text`` as a semantic version; its first three numbers where it is none."""
    numbers = [str(int(one)) for one in re.findall(r"[0-9]{1,9}", text)[:3]]
    return ".".join((numbers or ["0", "1"]) + ["0"] * (3 - len(numbers or ["0", "1"])))


def _untaken(wanted: str, taken: set[str]) -> str:
    """``wanted``, with a number after it if it is ``taken``; it is from now on."""
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}-{number}"
    taken.add(found)
    return found


def _hyphened(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def _quoted(text: str) -> str:
    """``text`` as a double-quoted scalar of YAML on one line: what does not print is written as an escape."""
    inside = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in inside) + '"'

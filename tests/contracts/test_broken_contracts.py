"""Every way to break a contract that we know of: which rule says so, where, and in which words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from falsifiable.contracts import ContractFile

CONTRACT = """\
contract: example
version: 1.0.0
title: The export can be loaded
artifacts:
  export: {kind: model}
  tokenizer: {kind: tokenizer}
falsifiers:
  - id: FALSIFY-001
    claim: Every id has an embedding row
    check: vocabulary.fits-model
    on: {tokenizer: tokenizer, model: export}
    with: {bound: at-most}
discharge:
  export: {parameters: {at_least: 490e6}}
"""


class Broken(NamedTuple):
    """A file, and the rule, place and words expected of it; ``also`` are rules that report consequences."""

    raw: bytes
    rule: str
    place: str
    says: str
    also: tuple[str, ...] = ()


def at(line: int, text: str, rule: str, column: int, says: str, *also: str, below: int = 0) -> Broken:
    """The contract with one line replaced by ``text``, whose fault is so many lines ``below`` its first."""
    lines = CONTRACT.splitlines()
    lines[line - 1] = text
    return Broken("\n".join(lines).encode(), rule, f"{line + below}:{column}", says, also)


def plus(text: str, rule: str, column: int, says: str, *also: str) -> Broken:
    """The contract with ``text`` added as its last line."""
    return Broken((CONTRACT + text).encode(), rule, f"15:{column}", says, also)


def whole(content: bytes | str, rule: str, place: str, says: str, *also: str) -> Broken:
    """A file of its own."""
    return Broken(content if isinstance(content, bytes) else content.encode(), rule, place, says, also)


def without(text: str, rule: str, place: str, says: str, *also: str) -> Broken:
    """The contract with one line left out."""
    return whole("\n".join(line for line in CONTRACT.splitlines() if text not in line), rule, place, says, *also)


def criterion(text: str, says: str, rule: str = "CONTRACT-CRITERION", column: int = 24) -> Broken:
    """The contract with another condition for DISCHARGED."""
    return at(14, f"  export: {{parameters: {text}}}", rule, column, says)


ALIAS_BOMB = "a0: &a0 lol\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
SECOND_FALSIFIER = """\
    with: {bound: at-most}
  - {id: FALSIFY-001, claim: It is whole, check: artifact.sound, on: {artifact: export}}"""

SHAPE = {
    "unknown key": at(3, "titel: T", "CONTRACT-UNKNOWN-KEY", 1, "did you mean 'title'?", "CONTRACT-MISSING-KEY"),
    "unknown key, hyphen for underscore": at(12, "    if-falsified: x", "CONTRACT-UNKNOWN-KEY", 5, "'if_falsified'"),
    "unknown key of a criterion": at(
        14, "  export: {n: {equals: 1, witin: 2}}", "CONTRACT-UNKNOWN-KEY", 27, "this criterion; did you mean 'within'"
    ),
    "comma in a text": at(
        5, "  export: {kind: model, description: big, very big}", "CONTRACT-UNKNOWN-KEY", 43, "a comma ends a text"
    ),
    "pv contract": plus("metadata: {}", "CONTRACT-UNKNOWN-KEY", 1, "known keys: artifacts, contract"),
    "missing key": without("claim:", "CONTRACT-MISSING-KEY", "8:5", "the key 'claim' is missing from this falsifier"),
    "missing name": without("contract:", "CONTRACT-MISSING-KEY", "1:1", "add 'contract: ...'"),
    "text where a mapping is wanted": at(11, "    on: export", "CONTRACT-TYPE", 9, "a mapping, got the text 'export'"),
    "text where a list is wanted": plus("references: SPEC", "CONTRACT-TYPE", 13, "brackets around it: [SPEC]"),
    "list where a text is wanted": at(3, "title: [T]", "CONTRACT-TYPE", 8, "title: expected a text, got a list"),
    "nothing where a text is wanted": at(3, "title:", "CONTRACT-TYPE", 7, "title: expected a text, got nothing"),
    "quoted number": criterion("{at_least: '1e-6'}", "got the text '1e-6'; remove the quotes", "CONTRACT-TYPE", 35),
    "list as a condition": criterion("[1]", "expected a value or a mapping, got a list", "CONTRACT-TYPE"),
    "unquoted version": at(2, "version: 1.10", "CONTRACT-TYPE", 10, 'the number 1.10; quote it: "1.10", and write'),
    "boolean title": at(3, "title: true", "CONTRACT-TYPE", 8, 'got the boolean true; quote it: "true"'),
    "short version": at(2, "version: '1.10'", "CONTRACT-VALUE", 10, "such as 1.10.0, got '1.10'"),
    "empty title": at(3, "title: ''", "CONTRACT-VALUE", 8, "title must not be empty"),
    "unknown kind": at(5, "  export: {kind: modle}", "CONTRACT-VALUE", 18, "did you mean 'model'?"),
    "NO stays a text": at(12, "    up_to: NO", "CONTRACT-VALUE", 12, "'NO' is not one of the words"),
    "number as a word": at(12, "    up_to: 3", "CONTRACT-TYPE", 12, "integration, discharged, got the number 3"),
    "upper-case name": at(1, "contract: Example", "CONTRACT-VALUE", 11, "got 'Example'"),
    "upper-case role": at(5, "  Export: {kind: model}", "CONTRACT-VALUE", 3, "got 'Export'",
                          "CONTRACT-ROLE-UNDECLARED", "CONTRACT-DISCHARGE-ROLE"),
    "bidi in an id": at(8, "  - id: FALSIFY-\u202e001", "CONTRACT-VALUE", 9, "9 is U+202E, RIGHT-TO-LEFT OVERRIDE"),
    "zero-width space in an id": at(8, "  - id: FALSIFY\u200b-001", "CONTRACT-VALUE", 9, "got 'FALSIFY\\u200b-001'"),
    "cyrillic letter in an id": at(8, "  - id: FАLSIFY-001", "CONTRACT-VALUE", 9, "CYRILLIC CAPITAL LETTER A"),
    "lower-case id": at(8, "  - id: falsify-001", "CONTRACT-VALUE", 9, "upper-case letters and digits"),
    "long id": at(8, f"  - id: {'F' * 300}", "CONTRACT-VALUE", 9, "id has 300 characters, at most 100"),
    "id ending in a line break": at(8, '  - id: "FALSIFY-001\\n"', "CONTRACT-VALUE", 9, "got 'FALSIFY-001\\n'"),
}  # fmt: skip

MEANING = {
    "unknown check": at(10, "    check: vocabulary.fit-model", "CONTRACT-CHECK-UNKNOWN", 12,
                        "did you mean 'vocabulary.fits-model'?"),
    "unknown parameter": at(12, "    with: {bond: exactly}", "CONTRACT-PARAMETER-UNKNOWN", 12, "did you mean 'bound'?"),
    "parameter of the wrong type": at(12, "    with: {bound: [1]}", "CONTRACT-PARAMETER-TYPE", 19,
                                      "bound: expected one of at-most, exactly, got a list"),
    "parameter of the wrong word": at(12, "    with: {bound: atmost}", "CONTRACT-PARAMETER-TYPE", 19,
                                      "'atmost' is not one of the words allowed here; did you mean 'at-most'?"),
    "missing parameter": whole(
        CONTRACT.replace("vocabulary.fits-model", "forward.agrees").replace("tokenizer: tokenizer, ", "")
        .replace("    with: {bound: at-most}\n", ""),
        "CONTRACT-PARAMETER-MISSING", "8:5", "the key 'cosine' is missing from this 'with' of the check forward.agrees",
        "CONTRACT-ROLE-UNUSED",
    ),
    "'on' is missing": without("on: {", "CONTRACT-ROLE-MISSING", "8:5", "reads a tokenizer as 'tokenizer'",
                               "CONTRACT-ROLE-UNUSED"),
    "role not bound": at(11, "    on: {tokenizer: tokenizer}", "CONTRACT-ROLE-MISSING", 5, "of kind model: export"),
    "unknown role of the check": at(11, "    on: {tokeniser: tokenizer, model: export}", "CONTRACT-ROLE-UNKNOWN", 10,
                                    "reads no 'tokeniser'; did you mean 'tokenizer'?", "CONTRACT-ROLE-MISSING"),
    "undeclared role": at(11, "    on: {tokenizer: tokeniser, model: export}", "CONTRACT-ROLE-UNDECLARED", 21,
                          "did you mean 'tokenizer'?", "CONTRACT-ROLE-UNUSED"),
    "role of the wrong kind": at(11, "    on: {tokenizer: export, model: export}", "CONTRACT-ROLE-KIND", 21,
                                 "'export' is a model (line 5); roles of kind tokenizer: tokenizer",
                                 "CONTRACT-ROLE-UNUSED"),
    "no role of the right kind": whole(
        CONTRACT.replace("{kind: tokenizer}", "{kind: run}"), "CONTRACT-ROLE-KIND", "11:21", "no role of this contract"
    ),
    "unused role": at(4, "artifacts:\n  spare: {kind: run}", "CONTRACT-ROLE-UNUSED", 3, "the role 'spare'", below=1),
    "duplicate id": at(12, SECOND_FALSIFIER, "CONTRACT-ID-DUPLICATE", 10, "already taken in line 8", below=1),
    "requires itself": plus("requires: [example]", "CONTRACT-REQUIRES-CYCLE", 12, "example -> example"),
    "requires nothing known": plus("requires: [exampel]", "CONTRACT-REQUIRES-UNKNOWN", 12, "did you mean 'example'?"),
    "reserved id": at(8, "  - id: CON", "CONTRACT-NAME-RESERVED", 9, "no file on Windows can have this name"),
    "reserved name": at(1, "contract: lpt1", "CONTRACT-NAME-RESERVED", 11, "'lpt1' is reserved"),
    "no falsifiers": whole(
        "contract: a\nversion: 1.0.0\ntitle: T\nfalsifiers: []\n", "CONTRACT-NO-FALSIFIERS", "4:13", "no falsifiers"
    ),
    "discharge of an unknown role": at(14, "  exprt: {n: 1}", "CONTRACT-DISCHARGE-ROLE", 3, "did you mean 'export'?"),
    "reasons for an unknown role": plus(
        "unguarded: {exprt: {row-zeroed: nobody can tell}}", "CONTRACT-UNGUARDED-ROLE", 13, "did you mean 'export'?"
    ),
    "discharge without conditions": at(14, "  export: {}", "CONTRACT-DISCHARGE-EMPTY", 3, "no condition on 'export'"),
    "min above max": criterion("{at_least: 2, at_most: 1}", "no number is both at_least 2 and at_most 1"),
    "above is not below": criterion("{above: 1, below: 1}", "no number is both above 1 and below 1"),
    "negative tolerance": criterion("{equals: 1, within: -1}", "a tolerance cannot be negative, got -1"),
    "tolerance of nothing": criterion("{at_least: 1, within: 1}", "within is the tolerance of a number under equals"),
    "tolerance of a text": criterion("{equals: cuda, within: 1}", "within is the tolerance of a number under equals"),
    "empty criterion": criterion("{}", "an empty criterion has no bound"),
    "one of nothing": criterion("{one_of: []}", "no value can meet it"),
    "expected value out of bounds": criterion("{equals: 5, at_most: 3}", "no expected value lies within the bounds"),
    "fraction compared exactly": criterion("{equals: 0.1}", "0.1 is compared exactly", "CONTRACT-CRITERION-EXACT"),
    "fraction with tolerance 0": criterion("{equals: 0.1, within: 0}", "add 'within'", "CONTRACT-CRITERION-EXACT"),
}  # fmt: skip

FILE = {
    "empty": whole("", "YAML-EMPTY", "1:1", "the file is empty"),
    "comments only": whole("# contract: a\n\n# b\n", "YAML-EMPTY", "1:1", "the file is empty"),
    "nothing but a document start": whole("---\n", "YAML-EMPTY", "1:1", "the file is empty"),
    "list at the top": whole("- contract: a\n", "YAML-NOT-A-MAPPING", "1:1", "got a list"),
    "text at the top": whole("contract\n", "YAML-NOT-A-MAPPING", "1:1", "got the text 'contract'"),
    "two documents": whole(CONTRACT + "---\n" + CONTRACT, "YAML-DOCUMENTS", "15:1", "a second document"),
    "duplicate key": at(4, "title: T\nartifacts:", "YAML-DUPLICATE-KEY", 1, "stands twice: in line 3 and in line 4"),
    "duplicate nested key": at(5, "  export: {kind: run, kind: model}", "YAML-DUPLICATE-KEY", 23, "'kind'",
                               "CONTRACT-ROLE-KIND"),
    "number as a key": at(5, "  1: {kind: model}", "YAML-KEY", 3, 'got the number 1; quote it: "1"',
                          "CONTRACT-ROLE-UNDECLARED", "CONTRACT-DISCHARGE-ROLE"),
    "null as a key": at(3, "~: T", "YAML-KEY", 1, "a key must be a text, got nothing", "CONTRACT-MISSING-KEY"),
    "list as a key": at(3, "[title]: T", "YAML-KEY", 1, "where a key is expected", "CONTRACT-MISSING-KEY"),
    "mapping as a key": at(3, "? {a: b}\n: T", "YAML-KEY", 3, "where a key is expected", "CONTRACT-MISSING-KEY"),
    "merge key": at(5, "  export: {<<: {kind: model}}", "YAML-MERGE-KEY", 12, "merge keys",
                    "CONTRACT-MISSING-KEY"),
    "anchor": at(3, "title: &title T", "YAML-ANCHOR", 8, "the anchor '&title'"),
    "alias": at(3, "title: *title", "YAML-ANCHOR", 8, "the alias '*title'"),
    "recursive alias": plus("references: &a [*a]", "YAML-ANCHOR", 13, "the anchor '&a'"),
    "alias bomb": whole(ALIAS_BOMB, "YAML-ANCHOR", "1:5", "the anchor '&a0'",
                        "CONTRACT-UNKNOWN-KEY", "CONTRACT-MISSING-KEY"),
    "python tag": at(3, "title: !!python/object/apply:os.system [id]", "YAML-TAG", 8, "tag '!!python/object/apply:"),
    "own tag": at(3, "title: !foo T", "YAML-TAG", 8, "the tag '!foo'"),
    "binary tag": at(3, "title: !!binary aGk=", "YAML-TAG", 8, "the tag '!!binary'"),
    "set tag": at(6, "  tokenizer: !!set {kind}", "YAML-TAG", 14, "the tag '!!set'"),
    "directive": whole("%YAML 1.1\n---\n" + CONTRACT, "YAML-DIRECTIVE", "1:1", "directives are not allowed"),
    "many directives": whole("# tags\n" + "%TAG !a b\n" * 90_000, "YAML-DIRECTIVE", "2:1", "are not allowed"),
    "tab": at(5, "\texport: {kind: model}", "YAML-TAB", 1, "a tab in the indentation"),
    "tab after spaces": at(10, "  \tcheck: artifact.sound", "YAML-TAB", 3, "a tab in the indentation"),
    "colon in a text": at(3, "title: claims: three", "YAML-SYNTAX", 14, "a text that holds ': ' needs quotes"),
    "text starting with @": at(3, "title: @x", "YAML-SYNTAX", 8, "needs quotes"),
    "open quote": at(3, 'title: "T', "YAML-SYNTAX", 8, "a quote or bracket is never closed"),
    "wrong escape": at(3, 'title: "\\d"', "YAML-SYNTAX", 9, "single quotes"),
    "not a number": criterion("{at_least: .nan}", ".nan is not a finite number", "YAML-NUMBER", 35),
    "infinite": criterion("{at_most: -.inf}", "-.inf is not a finite number", "YAML-NUMBER", 34),
    "10^400": criterion("{at_most: 1e400}", "the number is too large", "YAML-NUMBER", 34),
    "10^-400": criterion("{at_most: 1e-400}", "it would be read as 0", "YAML-NUMBER", 34),
    "5,000 digits": criterion("{at_most: " + "9" * 5000 + "}", "a whole number of 5000 digits", "YAML-NUMBER", 34),
    "5,000 digits in base 16": criterion("{at_most: 0x" + "f" * 5000 + "}", "5000 digits", "YAML-NUMBER", 34),
    "not UTF-8": whole(CONTRACT.encode().replace(b"loaded", b"lo\xe4ded"), "YAML-ENCODING", "3:28", "0xe4 at byte 60"),
    "UTF-16": whole(CONTRACT.encode("utf-16"), "YAML-ENCODING", "1:1", "the file is UTF-16"),
    "UTF-16 without a mark": whole(CONTRACT.encode("utf-16-le"), "YAML-ENCODING", "1:2", "NUL at byte 1"),
    "NUL": whole("contract: a\ntitle: \0\n", "YAML-ENCODING", "2:8", "NUL at byte 19"),
    "NUL after a byte order mark": whole("\ufeffa: b\nc: \0", "YAML-ENCODING", "2:4", "NUL at byte 11"),
    "binary": whole(b"GGUF\x03\x00\x00\x00" + bytes(range(256)), "YAML-ENCODING", "1:6", "NUL at byte 5"),
    "escape sequence": at(3, "title: \x1b[31mred", "YAML-CHARACTER", 8, "U+001B"),
    "line separator": at(3, "title: a\u2028b", "YAML-CHARACTER", 9, "U+2028"),
    "long text": at(3, f"title: {'T' * 20_000}", "YAML-TOO-LONG", 8, "a value of 20000 characters"),
    "many nodes": plus(f"references: [{'a, ' * 30_000}]", "YAML-TOO-MANY-NODES", 59_876, "more than 20000 keys"),
    "many faults": whole("".join(f"k{n}: 1\n" for n in range(5_000)), "YAML-MANY-FAULTS", "101:1",
                         "more than 100 faults", "CONTRACT-UNKNOWN-KEY"),
    "5 MiB": whole(b"a: b\n" * 1024 * 1024, "YAML-TOO-LARGE", "1:1", "5242880 bytes"),
    "200,000 brackets": whole("[" * 200_000, "YAML-TOO-DEEP", "1:33", "nested deeper than 32"),
    "10,000 levels of lists": whole("a:\n" + "- " * 10_000 + "1\n", "YAML-TOO-DEEP", "2:63", "nested deeper than 32"),
    "10,000 levels of mappings": whole("{a: " * 10_000, "YAML-TOO-DEEP", "1:129", "nested deeper than 32"),
    "10,000 levels of keys": whole("? " * 10_000, "YAML-TOO-DEEP", "1:65", "nested deeper than 32", "YAML-KEY"),
}  # fmt: skip

BROKEN: Mapping[str, Broken] = {**SHAPE, **MEANING, **FILE}


@pytest.mark.parametrize("name", BROKEN)
def test_says_what_is_wrong_and_where(name: str, check: Callable[..., tuple[ContractFile, ...]]) -> None:
    broken = BROKEN[name]
    (file,) = check(broken.raw)
    said = [str(one) for one in file.diagnostics]
    expected = rf"a\.yaml:{broken.place}: (error|warning) {broken.rule}: .*{re.escape(broken.says)}"
    assert any(re.match(expected, one) for one in said), "\n".join(said)
    assert {one.rule for one in file.diagnostics} == {broken.rule, *broken.also}


def test_the_unbroken_contract_is_sound(check: Callable[..., tuple[ContractFile, ...]]) -> None:
    (file,) = check(CONTRACT)
    assert file.diagnostics == ()
    assert file.contract is not None


def test_contracts_that_require_each_other(faults: Callable[..., list[object]]) -> None:
    texts = [CONTRACT.replace("example", name).replace("001", name.upper()) + f"requires: [{needs}]\n"
             for name, needs in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"))]  # fmt: skip
    (cycle,) = map(str, faults(*texts))
    assert cycle.startswith("c.yaml:15:12: error CONTRACT-REQUIRES-CYCLE: ")
    assert "a -> b -> c -> a" in cycle


def test_names_and_ids_are_unique_over_files(faults: Callable[..., list[object]]) -> None:
    first, second = map(str, faults(CONTRACT, CONTRACT))
    assert first.startswith(
        "b.yaml:1:11: error CONTRACT-NAME-DUPLICATE: the contract name 'example' is already taken in a.yaml:1"
    )
    assert second.startswith(
        "b.yaml:8:9: error CONTRACT-ID-DUPLICATE: the falsifier id 'FALSIFY-001' is already taken in a.yaml:8"
    )


def test_all_faults_of_a_file_are_reported_at_once(faults: Callable[..., list[object]]) -> None:
    text = (
        CONTRACT.replace("1.0.0", "1.10")
        .replace("at-most}", "at-most}\n    chek: x")
        .replace("fits-model", "fit-model")
    )
    places = [str(one).partition(": ")[0] for one in faults(text.replace("model: export", "model: exprt"))]
    assert places == ["a.yaml:2:10", "a.yaml:10:12", "a.yaml:11:39", "a.yaml:13:5"]


def test_a_folder_of_broken_contracts_never_ends_the_process(tmp_path: Path) -> None:
    """All hostile files at once, in a process that has 512 MB of address space, the interpreter included."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for number, broken in enumerate(FILE.values()):
        (folder / f"{number:03}.yaml").write_bytes(broken.raw)
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, list[str]] = json.loads(done.stdout)
    for number, (name, broken) in enumerate(FILE.items()):
        assert broken.rule in found[f"contracts/{number:03}.yaml"], name


READ_ALL = """
import json, resource, sys
from collections import defaultdict
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (512 * 1024 * 1024, 512 * 1024 * 1024))
from falsifiable.contracts import load_workspace
rules = defaultdict(list)
for fault in load_workspace(Path(sys.argv[1]), {}).diagnostics:
    rules[fault.path].append(fault.rule)
print(json.dumps(rules))
"""

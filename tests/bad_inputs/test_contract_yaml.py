"""Cases 1 to 31: contract files, and the paths in artifacts.yaml, through ``contract validate`` in 512 MB."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from falsifiable.contracts import read_contract
from tests.bad_inputs.confined import Done
from tests.contracts.test_broken_contracts import BROKEN, CONTRACT

Call = Callable[..., Done]

CASES: Mapping[int, tuple[str, ...]] = {
    1: ("empty", "comments only", "nothing but a document start"),
    2: ("list at the top", "text at the top"),
    3: ("duplicate key", "duplicate nested key"),
    4: ("unknown key", "unknown key of a criterion"),
    5: ("quoted number",),
    6: ("NO stays a text",),
    7: ("not a number", "infinite"),
    8: ("min above max", "negative tolerance", "fraction with tolerance 0"),
    9: ("anchor", "alias", "merge key"),
    10: ("alias bomb",),
    11: ("recursive alias",),
    12: ("python tag", "own tag", "binary tag", "set tag"),
    13: ("200,000 brackets", "10,000 levels of lists", "10,000 levels of mappings", "10,000 levels of keys"),
    14: ("5 MiB",),
    15: ("tab", "tab after spaces"),
    16: ("NUL", "not UTF-8", "UTF-16", "UTF-16 without a mark", "NUL after a byte order mark", "binary"),
    18: ("two documents",),
    19: ("5,000 digits", "5,000 digits in base 16", "10^400"),
    20: ("number as a key", "null as a key", "list as a key", "mapping as a key"),
    22: ("requires itself", "requires nothing known"),
    23: ("unknown check",),
    27: ("bidi in an id", "zero-width space in an id", "cyrillic letter in an id"),
    28: ("reserved id", "reserved name", "long id", "lower-case id", "upper-case name"),
    30: ("escape sequence",),
    31: ("unquoted version", "short version"),
}
"""Case -> names in the table of broken contracts, which says what each must be answered with."""


def in_a_workspace(folder: Path, *contracts: bytes | str, artifacts: str = "") -> None:
    (folder / "contracts").mkdir()
    for number, content in enumerate(contracts):
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / f"contracts/{'abcdefgh'[number]}.yaml").write_bytes(raw)
    (folder / "artifacts.yaml").write_text(artifacts)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.bad_input(case)) for case, names in CASES.items() for name in names]
)
def test_it_is_answered_with_place_and_rule(name: str, confined: Call, tmp_path: Path) -> None:
    broken = BROKEN[name]
    in_a_workspace(tmp_path, broken.raw)
    done = confined("validate", "--no-run")
    said = [line for line in done.err.splitlines() if line.startswith(f"contracts/a.yaml:{broken.place}: ")]
    assert any(broken.rule in line and broken.says in line for line in said), done.err
    if any(f" error {broken.rule}: " in line for line in said):
        assert (done.code, done.out) == (4, "")
    else:
        assert done.code == 0


@pytest.mark.bad_input(5)
def test_a_bare_number_in_scientific_notation_is_a_number(confined: Call, tmp_path: Path) -> None:
    in_a_workspace(tmp_path, CONTRACT.replace("490e6", "1e-6"))
    assert confined("validate", "--no-run").code == 0
    contract = read_contract(tmp_path / "contracts/a.yaml").contract
    assert contract is not None
    assert contract.discharge["export"]["parameters"].at_least == 1e-6


@pytest.mark.bad_input(6)
def test_a_key_called_yes_is_a_text(confined: Call, tmp_path: Path) -> None:
    in_a_workspace(tmp_path, CONTRACT + "yes: 1\n")
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert "contracts/a.yaml:15:1: error CONTRACT-UNKNOWN-KEY: unknown key 'yes'" in done.err


@pytest.mark.bad_input(12)
def test_a_tag_that_calls_a_program_calls_nothing(confined: Call, tmp_path: Path) -> None:
    in_a_workspace(tmp_path, CONTRACT + '"!": !!python/object/apply:os.system ["touch canary"]\n')
    assert confined("validate").code == 4
    assert not (tmp_path / "canary").exists()


@pytest.mark.bad_input(17)
@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf" + CONTRACT.encode(), CONTRACT.replace("\n", "\r\n").encode()])
def test_a_byte_order_mark_and_windows_lines_are_accepted_and_digested(
    raw: bytes, confined: Call, tmp_path: Path
) -> None:
    in_a_workspace(tmp_path, raw)
    assert confined("validate", "--no-run").code == 0
    assert read_contract(tmp_path / "contracts/a.yaml").digest == hashlib.sha256(raw).hexdigest()


@pytest.mark.bad_input(21)
def test_an_id_in_two_files_is_named_in_both(confined: Call, tmp_path: Path) -> None:
    in_a_workspace(tmp_path, CONTRACT, CONTRACT.replace("contract: example", "contract: other"))
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert "contracts/b.yaml:8:9: error CONTRACT-ID-DUPLICATE: the falsifier id 'FALSIFY-001'" in done.err
    assert "is already taken in contracts/a.yaml:8" in done.err


@pytest.mark.bad_input(22)
def test_a_circle_of_contracts_is_printed(confined: Call, tmp_path: Path) -> None:
    texts = [CONTRACT.replace("example", name).replace("001", name.upper()) + f"requires: [{needs}]\n"
             for name, needs in (("a", "b"), ("b", "c"), ("c", "a"))]  # fmt: skip
    in_a_workspace(tmp_path, *texts)
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert "a -> b -> c -> a" in done.err


@pytest.mark.bad_input(23)
def test_a_check_of_a_package_that_is_not_installed(confined: Call, tmp_path: Path) -> None:
    in_a_workspace(tmp_path, CONTRACT.replace("vocabulary.fits-model", "acme.quality"))
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert "contracts/a.yaml:10:12: error CONTRACT-CHECK-UNKNOWN: no installed package provides the check" in done.err


@pytest.mark.bad_input(24)
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../../etc/passwd", "climbs out with '..'"),
        ("/etc/passwd", "an absolute path"),
        ("~/x", "an absolute path"),
        ("C:\\x", "an absolute path"),
        ("\\\\host\\x", "a backslash in the path"),
        ("a\\0b", "a NUL character"),
    ],
)
def test_no_path_leaves_the_workspace(path: str, said: str, confined: Call, tmp_path: Path) -> None:
    quoted = f'"{path}"' if "\\0" in path else f"'{path}'"
    in_a_workspace(tmp_path, CONTRACT, artifacts=f"export: {quoted}\n")
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert "artifacts.yaml:1:" in done.err
    assert said in done.err


@pytest.mark.bad_input(25)
@pytest.mark.parametrize("pattern", ["(?P<step>\\d+)(?P<loss>(a+)+$)", "(?P<step>(\\d|\\d\\d)+)*(?P<loss>x)$"])
def test_a_pattern_that_takes_for_ever_elsewhere_is_matched_in_linear_time(
    pattern: str, confined: Call, tmp_path: Path
) -> None:
    """An ordinary engine tries every way to split 50,000 digits; here it is seen at once that the line does not fit."""
    (tmp_path / "train.log").write_bytes(b"1" * 50_000 + b"!\n")
    done = subprocess.run(
        [sys.executable, "-c", READ_LOG, str(tmp_path / "train.log"), pattern],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "train.log" in done.stdout


READ_LOG = """
import sys
from falsifiable import ArtifactError, open_run
try:
    print(open_run(sys.argv[1], pattern=sys.argv[2]))
except ArtifactError as error:
    print(error)
"""


@pytest.mark.bad_input(25)
def test_a_pattern_that_refers_back_is_refused(confined: Call, tmp_path: Path) -> None:
    text = CONTRACT.replace("export: {kind: model}", "export: {kind: run}")
    pattern = "'(?P<step>\\d+)(?P<loss>\\d+)(?P=loss)'"
    in_a_workspace(tmp_path, text, artifacts=f"export: {{path: train.log, pattern: {pattern}}}\n")
    done = confined("validate", "--no-run")
    assert done.code == 4
    assert "cannot be matched in linear time" in done.err


@pytest.mark.bad_input(29)
def test_a_contract_without_falsifiers_examines_nothing(confined: Call, tmp_path: Path) -> None:
    in_a_workspace(tmp_path, "contract: a\nversion: 1.0.0\ntitle: T\nfalsifiers: []\n")
    done = confined("validate")
    assert done.code == 3
    assert "contracts/a.yaml:4:13: warning CONTRACT-NO-FALSIFIERS" in done.err


HOSTILE = "::error file=x::<script>alert(1)</script> | \\e[31m"


@pytest.mark.bad_input(30)
def test_a_title_cannot_speak_to_a_terminal_or_to_a_workflow(confined: Call, tmp_path: Path) -> None:
    text = CONTRACT.replace("The export can be loaded", f'"{HOSTILE}"').replace("Every id has an", f'"{HOSTILE}" #')
    in_a_workspace(tmp_path, text)
    for done in (confined("validate", "--no-run"), confined("status"), confined("explain", "FALSIFY-001")):
        assert "\x1b" not in done.out + done.err
        assert not any(line.startswith("::") for line in (done.out + done.err).splitlines())


def test_no_way_to_break_a_file_is_named_twice_or_misspelt() -> None:
    named = [name for names in CASES.values() for name in names]
    assert len(set(named)) == len(named)
    assert set(named) <= set(BROKEN)

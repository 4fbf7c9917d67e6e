from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsifiable.evidence import (
    Statement,
    heads,
    in_succession,
    matching,
    read_all_evidence,
    read_evidence,
    store,
    write_statement,
)
from falsifiable.evidence.store import Evidence
from tests.evidence.builders import contract, statement

CONTRACT = contract()


def a_chain(length: int) -> list[Statement]:
    """Statements that supersede one another, the last being the head."""
    chain: list[Statement] = []
    for number in range(length):
        chain.append(statement(CONTRACT, run_id=f"run-{number}", supersedes=tuple(one.sha256 for one in chain[-1:])))
    return chain


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = statement(CONTRACT)
    path = write_statement(tmp_path / "evidence", written)
    assert path.name == f"{written.sha256}.json"
    assert write_statement(tmp_path / "evidence", written) == path
    assert [one.sha256 for one in read_evidence(tmp_path / "evidence").statements] == [written.sha256]


def test_no_folder_holds_no_evidence(tmp_path: Path) -> None:
    assert read_evidence(tmp_path / "none") == Evidence()


def test_temporary_files_are_no_statements_and_no_signatures(tmp_path: Path) -> None:
    (tmp_path / ".half.json").write_text("{")
    (tmp_path / ".half.dsse.json").write_text("{")
    assert read_evidence(tmp_path) == Evidence()


@pytest.mark.bad_input(109)
def test_an_edited_file_is_reported_and_counts_for_nothing(tmp_path: Path) -> None:
    path = write_statement(tmp_path, statement(CONTRACT))
    path.write_bytes(path.read_bytes().replace(b'"held"', b'"Held"'))
    evidence = read_evidence(tmp_path)
    assert evidence.statements == ()
    assert [(one.path, "was edited or cut" in one.message) for one in evidence.problems] == [(path, True)]


@pytest.mark.bad_input(108)
def test_a_torn_renamed_or_foreign_file_is_reported(tmp_path: Path) -> None:
    data = statement(CONTRACT).data
    (tmp_path / f"{statement(CONTRACT).sha256}.json").write_bytes(data[:100])
    (tmp_path / "latest.json").write_bytes(data)
    (tmp_path / f"{'a' * 64}.json").mkdir()
    (tmp_path / "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a.json").write_text("{}")
    messages = sorted(one.message.partition(":")[0] for one in read_evidence(tmp_path).problems)
    assert messages == [
        "cannot be read",
        "is not a statement this version can read",
        f"is not named by its sha256, which is {statement(CONTRACT).sha256}",
        "was edited or cut",
    ]


def test_an_oversized_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LARGEST_STATEMENT_BYTES", 10)
    write_statement(tmp_path, statement(CONTRACT))
    assert "a statement has at most 10" in read_evidence(tmp_path).problems[0].message


def test_heads_are_what_nothing_supersedes() -> None:
    chain = a_chain(3)
    other = statement(CONTRACT, run_id="elsewhere")
    assert {one.sha256 for one in heads([*chain, other])} == {chain[-1].sha256, other.sha256}


def test_another_contract_supersedes_nothing() -> None:
    mine = statement(CONTRACT)
    theirs = statement(contract("other"), supersedes=(mine.sha256,))
    assert mine in heads([mine, theirs])


@given(st.permutations(range(5)), st.data())
def test_heads_are_a_function_of_the_set(order: list[int], data: st.DataObject) -> None:
    chain = a_chain(5)
    chosen = data.draw(st.sets(st.sampled_from(range(5))))
    in_order = [chain[index] for index in range(5) if index in chosen]
    shuffled = [chain[index] for index in order if index in chosen]
    assert heads(in_order) == heads(shuffled) == heads(in_order + shuffled)


def test_evidence_of_two_specs_together() -> None:
    first, second = statement(CONTRACT), statement(contract("other"))
    both = Evidence((first,)) + Evidence((second, first))
    assert {one.contract for one in both.statements} == {"packaging", "other"}
    assert both.of("other") == (second,)


def test_all_evidence_is_found_by_spec(tmp_path: Path) -> None:
    write_statement(tmp_path / "spec" / "ship" / "evidence", statement(CONTRACT))
    (tmp_path / "spec" / "empty" / "evidence").mkdir(parents=True)
    (tmp_path / "spec" / "prose").mkdir()
    found = read_all_evidence(tmp_path, ["wanted"])
    assert {spec: len(one.statements) for spec, one in found.items()} == {"empty": 0, "ship": 1, "wanted": 0}
    assert list(found) == sorted(found)


def test_a_statement_is_named_by_its_first_digits() -> None:
    many = [statement(CONTRACT, run_id=f"run-{number}") for number in range(20)]
    evidence = {"ship": Evidence(tuple(many[:10])), "boat": Evidence(tuple(many[10:]))}
    assert matching(evidence, many[3].sha256[:12].upper()) == (("ship", many[3]),)
    assert matching(evidence, many[13].sha256) == (("boat", many[13]),)
    assert matching(evidence, "g") == ()
    listed = matching(evidence, "")
    assert [one.sha256 for _, one in listed] == sorted(one.sha256 for one in many)


@given(st.permutations(range(6)))
def test_succession_is_a_function_of_the_set_and_puts_nothing_before_what_it_replaces(order: list[int]) -> None:
    chain = a_chain(4)
    aside = statement(CONTRACT, run_id="aside")
    joined = statement(CONTRACT, run_id="joined", supersedes=tuple(sorted([aside.sha256, chain[1].sha256, "f" * 64])))
    every = [*chain, aside, joined]
    found = in_succession(every[index] for index in order)
    assert found == in_succession(every)
    place = {one.sha256: index for index, one in enumerate(found)}
    assert len(place) == 6
    assert all(place[earlier] < place[one.sha256] for one in every for earlier in one.supersedes if earlier in place)

"""Tables of records: rows in the form that their own schema asks for, and accepted by whoever may accept them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from falsifiable import NotApplicable, Table, Verdict, falsifier

_NAMED = 3


@falsifier("table.matches-schema", imports=("jsonschema",))
def matches_schema(table: Table, schema: Table) -> Verdict:
    """Every row is what the user's own JSON Schema asks for; a row that is not is named with its line and JSON path.

    The schema is one JSON object, of the draft that its `$schema` names (2020-12 where it names none). A `$ref` to
    another document is not followed: nothing is fetched, and the schema is then inconclusive.
    """
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    if len(schema.rows) != 1:
        return Verdict.inconclusive(f"{schema.path}: holds {len(schema.rows)} objects; a schema is one JSON object")
    wanted = dict(schema.rows[0].values)
    judge = validators.validator_for(wanted, default=validators.Draft202012Validator)
    try:
        judge.check_schema(wanted)
        validator = judge(wanted, registry=Registry())
        faults = [(row.line, fault) for row in table.rows for fault in validator.iter_errors(dict(row.values))]
    except SchemaError as error:
        return Verdict.inconclusive(f"{schema.path}: is no JSON Schema: {error.json_path}: {error.message:.200}")
    except Unresolvable as error:
        return Verdict.inconclusive(f"{schema.path}: {error!s:.200}; put the definition under $defs of the schema")
    said = [f"line {line}: {fault.json_path}: {fault.message:.200}" for line, fault in faults[:_NAMED]]
    rows = len({line for line, _ in faults})
    return Verdict.of(
        not faults,
        found=f"{table.path.name} " + "; ".join(said) + f" ({rows} of {len(table.rows)} rows do not fit "
        f"{schema.path.name}). Whoever wrote the rows wrote another version, or by hand",
        examined=(len(table.rows), "rows"),
        rows_that_do_not_fit=rows,
    )


@matches_schema.counterexample
def a_row_without_what_is_required(table: Table, schema: Table) -> tuple[Table, Table]:
    """A row that lacks a required key."""
    required = schema.rows[0].values.get("required") if schema.rows else None
    if not isinstance(required, list) or not required or not table.rows:
        raise NotApplicable("the schema requires no key")
    return table.with_row(0, lambda row: {key: value for key, value in row.items() if key != required[0]}), schema


@matches_schema.counterexample
def a_value_of_another_type(table: Table, schema: Table) -> tuple[Table, Table]:
    """A list where the schema wants a text or a number."""
    typed = next(_typed_properties(schema), None)
    if typed is None or not table.rows:
        raise NotApplicable("the schema gives no property a type")
    return table.with_row(0, lambda row: {**row, typed: [None]}), schema


def _typed_properties(schema: Table) -> Iterator[str]:
    properties = schema.rows[0].values.get("properties") if schema.rows else None
    for name, one in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(one, Mapping) and one.get("type") in ("string", "integer", "number", "boolean"):
            yield name


@falsifier("table.accepted-by-authority")
def accepted_by_authority(
    table: Table,
    *,
    authority: str,
    state: str = "state",
    accepted: str = "accepted",
    judged_by: str = "verdict.authority",
    outcome: str = "verdict.outcome",
    admissible: str = "admissible",
    proposed_by: str = "proposed_by",
) -> Verdict:
    """Every proposal that counts as accepted carries the verdict of the declared authority, who did not propose it.

    A model proposes; it accepts nothing. A row counts because somebody else, who is named here, said so.

    Args:
        authority: who alone may accept, as the rows name it.
        state: the key under which a row says what became of it; dots lead into objects.
        accepted: the state of a row that counts.
        judged_by: the key of who judged.
        outcome: the key of what they said.
        admissible: what they must have said of a row that counts.
        proposed_by: the key of who proposed, who must be somebody else.
    """
    counted = 0
    for row in table.rows:
        if _at(row.values, state) != accepted:
            continue
        counted += 1
        judge, said, proposer = (_at(row.values, key) for key in (judged_by, outcome, proposed_by))
        fault = ""
        if judge != authority:
            fault = f"{judged_by} is {judge!r:.60}, expected {authority}"
        elif said != admissible:
            fault = f"{outcome} is {said!r:.60}, expected {admissible}"
        elif proposer == authority:
            fault = f"{proposed_by} is {proposer!r:.60}, who judged it too"
        if fault:
            return Verdict.of(
                False,
                found=f"{table.path.name} line {row.line}: {state} is {accepted}, and {fault}; a proposal counts "
                "only once the declared authority has accepted it",
                examined=(len(table.rows), "rows"),
            )
    return Verdict.of(True, examined=(len(table.rows), "rows"), accepted_rows=counted)


def _at(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _with(row: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The row with a value set, objects made on the way to it."""
    key, _, rest = path.partition(".")
    inner = row.get(key)
    inside = dict(inner) if isinstance(inner, Mapping) else {}
    return {**row, key: _with(inside, rest, value) if rest else value}


@accepted_by_authority.counterexample
def the_model_accepted_itself(table: Table, *, authority: str, state: str, accepted: str, judged_by: str) -> Table:
    """A proposal that counts because whoever made it said so."""
    if not table.rows:
        raise NotApplicable("the table has no row")
    return table.with_row(0, lambda row: _with(_with(row, state, accepted), judged_by, f"not-{authority}"))


@accepted_by_authority.counterexample
def accepted_without_a_verdict(table: Table, *, state: str, accepted: str, judged_by: str) -> Table:
    """A row marked as accepted that nobody has judged."""
    if not table.rows:
        raise NotApplicable("the table has no row")
    place = len(table.rows) - 1
    return table.with_row(place, lambda row: _with(_with(row, state, accepted), judged_by, None))


@accepted_by_authority.counterexample
def accepted_against_the_verdict(
    table: Table, *, authority: str, state: str, accepted: str, judged_by: str, outcome: str
) -> Table:
    """A row that the authority refused, marked as accepted."""
    if not table.rows:
        raise NotApplicable("the table has no row")
    refused = {state: accepted, judged_by: authority, outcome: "refused"}

    def change(row: dict[str, Any]) -> dict[str, Any]:
        for key, value in refused.items():
            row = _with(row, key, value)
        return row

    return table.with_row(0, change)


@falsifier("table.keys-unique")
def keys_unique(table: Table, *, key: str) -> Verdict:
    """Every row has a text or a number under its key, and no two rows have the same.

    Args:
        key: the key that names a row; dots lead into objects.
    """
    seen: dict[Any, int] = {}
    for row in table.rows:
        value = _at(row.values, key)
        fault = ""
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            fault = f"{key} is {value!r:.60}, expected a text or a number that names the row"
        elif value in seen:
            fault = f"{key} is {value!r:.60}, as in line {seen[value]}; the row was written twice, or the id is taken"
        if fault:
            said = f"{table.path.name} line {row.line}: {fault}"
            return Verdict.of(False, found=said, examined=(len(table.rows), "rows"))
        seen[value] = row.line
    return Verdict.of(True, examined=(len(table.rows), "rows"), keys=len(seen))


@keys_unique.counterexample
def a_row_twice(table: Table) -> Table:
    """A table whose first row was appended once more."""
    if not table.rows:
        raise NotApplicable("the table has no row")
    return table.with_more(table.rows[0].values)


@keys_unique.counterexample
def a_row_without_its_key(table: Table, *, key: str) -> Table:
    """A row that nothing names."""
    if not table.rows:
        raise NotApplicable("the table has no row")
    return table.with_row(0, lambda row: _with(row, key, None))

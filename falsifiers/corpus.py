"""A corpus is what its manifest says: the bytes, the rows, their form, and what is real in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from falsifiable import Corpus, NotApplicable, Run, Verdict, falsifier

_ROLES = ("system", "user", "assistant", "tool")
_OF_ROWS = ("jsonl", "chat")


@falsifier("corpus.digests-match", compares_copies=True)
def digests_match(corpus: Corpus, run: Run | None = None) -> Verdict:
    """Every file that the corpus keeps has the size, the rows and the sha256 that the manifest says, and the run's too.

    A split of which nothing is kept cannot be looked at; where that is all there is, nothing was examined. Where a run
    is bound, its record must name the splits by the same digests.
    """
    faults, looked_at = [], 0
    for name in corpus.splits:
        for relative, pinned in _pinned_files(corpus, name):
            looked_at += 1
            found = corpus.found_digest(relative)
            if found != pinned:
                faults.append(f"{relative} (split {name}) {_has(found)}, the manifest says {pinned[:12]}")
        faults += _row_faults(corpus, name)
    for name, origin in corpus.origins.items():
        looked_at += 1
        found = corpus.found_digest(origin.path)
        if found != origin.sha256:
            faults.append(f"source {name}: {origin.path} {_has(found)}, the manifest says {origin.sha256[:12]}")
    faults += _recorded_faults(corpus, run)
    return Verdict.of(
        not faults,
        found="; ".join(faults[:5]) + ". The data were changed after the manifest was written, or are of another run",
        examined=(looked_at, "files"),
        disagreements=len(faults),
    )


def _has(sha256: str | None) -> str:
    return "is absent" if sha256 is None else f"has sha256 {sha256[:12]}"


def _pinned_files(corpus: Corpus, name: str) -> Iterator[tuple[str, str]]:
    """Path and sha256 of every file of a split that the manifest names whole."""
    split = corpus.splits[name]
    yield from ((shard.path, shard.sha256) for shard in split.shards)
    if split.tokens_path is not None and split.tokens_sha256 is not None:
        yield split.tokens_path, split.tokens_sha256


def _row_faults(corpus: Corpus, name: str) -> Iterator[str]:
    split = corpus.splits[name]
    if split.format not in _OF_ROWS or any(corpus.found_digest(one.path) != one.sha256 for one in split.shards):
        return
    stated, counted = split.rows, sum(1 for _ in corpus.records(name))
    if stated != counted:
        yield f"split {name} holds {counted} rows, the manifest says {stated}"


def _recorded_faults(corpus: Corpus, run: Run | None) -> Iterator[str]:
    for name, split in corpus.splits.items():
        recorded = run.datasets.get(name) if run is not None else None
        if isinstance(recorded, Mapping) and recorded.get("sha256") != split.sha256:
            said = str(recorded.get("sha256"))[:12]
            yield f"run.yaml names split {name} by {said}, the manifest by {split.sha256[:12]}"


@digests_match.counterexample
def another_file_on_disk(corpus: Corpus, run: Run | None = None) -> dict[str, Any]:
    """A manifest that pins other bytes than lie there."""
    for name, split in corpus.splits.items():
        if split.shards:
            first = replace(split.shards[0], sha256="0" * 64)
            return {"corpus": corpus.with_split(name, shards=(first, *split.shards[1:])), "run": run}
        if split.tokens_path is not None and split.tokens_sha256 is not None:
            return {"corpus": corpus.with_split(name, tokens_sha256="0" * 64), "run": run}
    raise NotApplicable("the corpus keeps no file")


@digests_match.counterexample
def a_file_that_is_gone(corpus: Corpus, run: Run | None = None) -> dict[str, Any]:
    """A manifest that names a file nobody kept."""
    for name, split in corpus.splits.items():
        if split.shards:
            gone = replace(split.shards[0], path="absent-from-this-corpus")
            return {"corpus": corpus.with_split(name, shards=(gone, *split.shards[1:])), "run": run}
        if split.tokens_path is not None and split.tokens_sha256 is not None:
            return {"corpus": corpus.with_split(name, tokens_path="absent-from-this-corpus"), "run": run}
    raise NotApplicable("the corpus keeps no file")


@digests_match.counterexample
def recorded_otherwise(corpus: Corpus, run: Run | None = None) -> dict[str, Any]:
    """A run that was trained on other data; where none is bound, a file that is not the one that was counted."""
    name = next((name for name in corpus.splits if run is not None and name in run.datasets), None)
    if run is None or name is None:
        return {**another_file_on_disk(corpus, run)}
    return {"corpus": corpus, "run": run.with_field(f"datasets.{name}.sha256", "0" * 64)}


@falsifier("corpus.chat-format")
def chat_format(corpus: Corpus) -> Verdict:
    """Every row is a conversation: messages of a known role with a text each, of which the last is the assistant's.

    A trainer for conversations reads nothing else; rows such as `{"text": ...}` are refused here, before it starts.
    """
    rows = 0
    for name in _splits_of_rows(corpus):
        for record in corpus.records(name):
            rows += 1
            if fault := _conversation_fault(record.values):
                expected = '{"messages": [{"role": ..., "content": ...}, ...]}, which is all this trainer reads'
                said = f"{record.place} (split {name}): {fault}; expected {expected}"
                return Verdict.of(False, found=said, examined=(rows, "rows"))
    if not rows:
        return Verdict.inconclusive(f"{corpus.path}: no split is kept as rows; keep the conversations as chat")
    return Verdict.of(True, examined=(rows, "rows"))


def _splits_of_rows(corpus: Corpus) -> list[str]:
    """The splits that are kept row by row; the tokens that a trainer made of them may be a split of their own."""
    return [name for name, split in corpus.splits.items() if split.format in _OF_ROWS]


def _conversation_fault(row: Mapping[str, Any]) -> str:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        keys = ", ".join(map(repr, row)) or "no key"
        return f"messages is {messages!r:.60}, the row has {keys}"
    for place, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        content = message.get("content") if isinstance(message, Mapping) else None
        if role not in _ROLES:
            return f"messages[{place}].role is {role!r:.60}, expected one of {', '.join(_ROLES)}"
        if not isinstance(content, str) or not content.strip():
            return f"messages[{place}].content is {content!r:.60}, expected a text"
    last = messages[-1]["role"]
    return "" if last == "assistant" else f"the last message is of the {last}, so that there is nothing to learn"


@chat_format.counterexample
def a_row_of_plain_text(corpus: Corpus) -> Corpus:
    """A row in the format of a trainer for plain text."""
    name, rows = _some_rows(corpus)
    return corpus.with_records(name, [*rows, {"text": "Shall I compare thee to a summer's day?"}])


@chat_format.counterexample
def a_message_without_content(corpus: Corpus) -> Corpus:
    """A conversation whose last message is null."""
    name, rows = _some_rows(corpus)
    return corpus.with_records(name, [{**rows[0], "messages": [{"role": "assistant", "content": None}]}, *rows[1:]])


@chat_format.counterexample
def a_question_nobody_answers(corpus: Corpus) -> Corpus:
    """A conversation that ends with the user."""
    name, rows = _some_rows(corpus)
    return corpus.with_records(name, [{**rows[0], "messages": [{"role": "user", "content": "and?"}]}, *rows[1:]])


def _some_rows(corpus: Corpus) -> tuple[str, list[Mapping[str, Any]]]:
    """The first split with rows, and these."""
    for name in _splits_of_rows(corpus):
        if rows := [one.values for one in corpus.records(name)]:
            return name, rows
    raise NotApplicable("the corpus has no split of rows")


@falsifier("corpus.real-share")
def real_share(corpus: Corpus, run: Run | None = None) -> Verdict:
    """The share of real rows is the one declared, counted row by row; every row says what it is, and so does the split.

    A row is `real` or `synthetic`. A split of the kind `synthetic` holds no real row, `partial-real` some, `real` no
    other. Where a run is bound, the share that its record states must be the counted one too.
    """
    counted, rows, unmarked = {}, 0, ""
    for name in _splits_of_rows(corpus):
        kinds = []
        for record in corpus.records(name):
            if record.values.get("kind") not in ("real", "synthetic"):
                unmarked = unmarked or f"{record.place} (split {name}) has the kind {record.values.get('kind')!r:.40}"
            kinds.append(record.values.get("kind"))
        rows += len(kinds)
        counted[name] = kinds.count("real") / len(kinds) if kinds else 0.0
    if not rows:
        return Verdict.inconclusive(f"{corpus.path}: no split is kept as rows, so none can be counted; keep it as chat")
    faults = [f"{unmarked}, expected real or synthetic"] if unmarked else []
    faults += [said for name, share in counted.items() for said in _share_faults(corpus, run, name, share)]
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The share was typed, or rows were added after it was counted",
        examined=(rows, "rows"),
        **{f"real_share_{name.replace('-', '_')}": share for name, share in counted.items()},
    )


def _share_faults(corpus: Corpus, run: Run | None, name: str, counted: float) -> Iterator[str]:
    split = corpus.splits[name]
    if split.real_share is None:
        yield f"the manifest declares no real_share of split {name}; {counted:.6g} of its rows are real"
    elif abs(split.real_share - counted) > 1e-9:
        yield f"split {name} declares real_share {split.real_share:g}, counted are {counted:.6g}"
    kinds = {"synthetic": counted == 0, "partial-real": counted > 0, "real": counted == 1}
    if split.kind is not None and not kinds[split.kind]:
        yield f"split {name} is declared {split.kind}, and {counted:.6g} of its rows are real"
    recorded = run.datasets.get(name, {}).get("real_share") if run is not None else None
    if isinstance(recorded, int | float) and abs(recorded - counted) > 1e-9:
        yield f"run.yaml: datasets.{name}.real_share is {recorded:g}, counted are {counted:.6g}"


@real_share.counterexample
def a_share_typed(corpus: Corpus, run: Run | None = None) -> dict[str, Any]:
    """A declared share a tenth away from the counted one."""
    name, _ = _some_rows(corpus)
    share = corpus.splits[name].real_share
    typed = 0.5 if share is None else share + 0.1 if share < 0.5 else share - 0.1
    return {"corpus": corpus.with_split(name, real_share=typed), "run": run}


@real_share.counterexample
def a_synthetic_row_more(corpus: Corpus, run: Run | None = None) -> dict[str, Any]:
    """A made-up row among them, marked as such and counted nowhere."""
    name, rows = _some_rows(corpus)
    if not any(row.get("kind") == "real" for row in rows):
        raise NotApplicable("none of the rows is real")
    return {"corpus": corpus.with_records(name, [*rows, {**rows[0], "kind": "synthetic"}]), "run": run}


@real_share.counterexample
def a_row_without_a_mark(corpus: Corpus, run: Run | None = None) -> dict[str, Any]:
    """A row that does not say whether it is real."""
    name, rows = _some_rows(corpus)
    bare = {key: value for key, value in rows[0].items() if key != "kind"}
    return {"corpus": corpus.with_records(name, [bare, *rows[1:]]), "run": run}


@falsifier("corpus.rows-have-sources")
def rows_have_sources(corpus: Corpus) -> Verdict:
    """Every row that claims to be real names what it was made from, and that file is there with the digest pinned."""
    rows, named = 0, set()
    for name in _splits_of_rows(corpus):
        for record in corpus.records(name):
            rows += 1
            source = record.values.get("source")
            if record.values.get("kind") == "synthetic":
                continue
            if not isinstance(source, str) or not source:
                return _without_source(f"{record.place} (split {name}) is not synthetic and names no source", rows)
            if source not in corpus.origins:
                known = ", ".join(list(corpus.origins)[:4]) or "none"
                return _without_source(f"{record.place}: source {source!r:.60} is not in the manifest ({known})", rows)
            named.add(source)
    for source in sorted(named):
        origin = corpus.origins[source]
        found = corpus.found_digest(origin.path)
        if found != origin.sha256:
            return _without_source(
                f"source {source}: {origin.path} {_has(found)}, pinned is {origin.sha256[:12]}", rows
            )
    return Verdict.of(True, examined=(rows, "rows"), sources=len(named))


def _without_source(said: str, rows: int) -> Verdict:
    return Verdict.of(False, found=f"{said}. A row that nobody can trace is not real", examined=(rows, "rows"))


@rows_have_sources.counterexample
def a_real_row_without_source(corpus: Corpus) -> Corpus:
    """A real row that does not say where it is from."""
    name, rows = _some_rows(corpus)
    orphan = {key: value for key, value in rows[0].items() if key != "source"}
    return corpus.with_records(name, [*rows, {**orphan, "kind": "real"}])


@rows_have_sources.counterexample
def a_source_that_is_not_there(corpus: Corpus) -> Corpus:
    """A manifest without one of the sources that rows name."""
    return corpus.without_source(_named_source(corpus))


@rows_have_sources.counterexample
def a_source_of_other_bytes(corpus: Corpus) -> Corpus:
    """A source that was changed after rows were made from it."""
    name = _named_source(corpus)
    return corpus.with_source(name, replace(corpus.origins[name], sha256="0" * 64))


def _named_source(corpus: Corpus) -> str:
    rows = _some_rows(corpus)[1]
    for row in rows:
        if row.get("kind") != "synthetic" and row.get("source") in corpus.origins:
            return str(row["source"])
    raise NotApplicable("no row names a source of the manifest")

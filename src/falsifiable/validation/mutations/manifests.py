"""Mutations of corpora: splits, files and counts of the manifest, the rule of evaluation, and rows of conversations.

No digest is mutated: only a comparison of digests could notice, and those are left out of the score.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from falsifiable.artifacts import Corpus
from falsifiable.artifacts.corpora.manifest import Evaluation
from falsifiable.falsifier import NotApplicable
from falsifiable.validation.mutations.mutation import Mutation, control, one_of


def _split(corpus: Corpus, random: Random) -> str:
    return one_of(random, corpus.splits, "split")


def _split_missing(corpus: Corpus, random: Random) -> Corpus:
    return corpus.without_split(_split(corpus, random))


def _file_missing(corpus: Corpus, random: Random) -> Corpus:
    name = one_of(random, [name for name, split in corpus.splits.items() if split.files], "split with files")
    return corpus.without_file(random.choice(corpus.splits[name].files).path)


def _file_repeated(corpus: Corpus, random: Random) -> Corpus:
    """A file of the training data among the validation data."""
    training = [name for name in corpus.splits if name != "validation" and corpus.splits[name].files]
    if "validation" not in corpus.splits:
        raise NotApplicable("the corpus has no split validation")
    name = one_of(random, training, "split for training")
    return corpus.with_file_in("validation", random.choice(corpus.splits[name].files))


def _resized(corpus: Corpus, random: Random) -> Corpus:
    name = one_of(random, [name for name, split in corpus.splits.items() if split.files], "split with files")
    first, *rest = corpus.splits[name].files
    return corpus.with_split(name, files=(replace(first, bytes=first.bytes + 1), *rest))


def _changed(**changes: Any) -> Any:
    def make(corpus: Corpus, random: Random) -> Corpus:
        name = _split(corpus, random)
        if all(getattr(corpus.splits[name], key) in (None, value) for key, value in changes.items()):
            raise NotApplicable(f"split {name} states no {' or '.join(changes)} to change")
        return corpus.with_split(name, **changes)

    return make


def _more_tokens(corpus: Corpus, random: Random) -> Corpus:
    name = _split(corpus, random)
    return corpus.with_split(name, tokens=corpus.splits[name].tokens * 2 + 1)


def _trained_on_validation(corpus: Corpus, random: Random) -> Corpus:
    """The validation split declared to be the files of a training split."""
    training = [name for name in corpus.splits if name != "validation"]
    if "validation" not in corpus.splits:
        raise NotApplicable("the corpus has no split validation")
    taken = corpus.splits[one_of(random, training, "split for training")]
    kept = {"path": taken.path, "tokens_path": taken.tokens_path, "tokens_sha256": taken.tokens_sha256}
    return corpus.with_split("validation", files=taken.files, sha256=taken.sha256, tokens=taken.tokens, **kept)


def _evaluation(corpus: Corpus) -> Evaluation:
    if corpus.evaluation is None:
        raise NotApplicable("the manifest has no rule of evaluation")
    return corpus.evaluation


def _no_rule(corpus: Corpus, _: Random) -> Corpus:
    _evaluation(corpus)
    return corpus.with_evaluation(None)


def _another_rule(corpus: Corpus, _: Random) -> Corpus:
    """Half as many sequences: another loss."""
    rule = _evaluation(corpus)
    if rule.sequences < 2:
        raise NotApplicable("there is one sequence only")
    return corpus.with_evaluation(replace(rule, sequences=rule.sequences // 2))


Row = dict[str, Any]


def _row(change: Callable[[Row], Row]) -> Callable[[Corpus, Random], Corpus]:
    """A mutation of one row of a split of conversations."""

    def make(corpus: Corpus, random: Random) -> Corpus:
        name = one_of(random, [name for name, split in corpus.splits.items() if split.format == "chat"], "chat split")
        rows = [dict(record.values) for record in corpus.records(name)]
        for place in random.sample(range(len(rows)), len(rows)):
            with contextlib.suppress(NotApplicable):
                return corpus.with_records(name, [*rows[:place], change(rows[place]), *rows[place + 1 :]])
        raise NotApplicable(f"split {name} has no row that can be changed so")

    return make


def _plain_text(row: Row) -> Row:
    rest = {key: value for key, value in row.items() if key != "messages"}
    return {**rest, "text": "\n".join(str(one.get("content")) for one in row.get("messages") or ())}


def _another_speaker(row: Row) -> Row:
    first, *others = row.get("messages") or [{}]
    return {**row, "messages": [{**first, "role": "narrator"}, *others]}


def _unanswered(row: Row) -> Row:
    return {**row, "messages": list(row.get("messages") or ())[:-1]}


def _without(key: str) -> Callable[[Row], Row]:
    def change(row: Row) -> Row:
        if key not in row:
            raise NotApplicable(f"the row has no {key}")
        return {name: value for name, value in row.items() if name != key}

    return change


def _made_up(row: Row) -> Row:
    if row.get("kind") != "real":
        raise NotApplicable("the row is not real")
    return {**row, "kind": "synthetic"}


def _source_missing(corpus: Corpus, random: Random) -> Corpus:
    return corpus.without_source(one_of(random, dict(corpus.origins), "source of rows"))


def _leaked(corpus: Corpus, random: Random) -> Corpus:
    """A conversation of the held-out split among those that are trained on."""
    if not all(one in corpus.splits and corpus.splits[one].format == "chat" for one in ("train", "valid")):
        raise NotApplicable("the corpus has no conversations in train and valid")
    kept, held_out = ([dict(record.values) for record in corpus.records(one)] for one in ("train", "valid"))
    place = random.randrange(len(kept))
    return corpus.with_records("train", [*kept[:place], random.choice(held_out), *kept[place + 1 :]])


_SAME_DATA = "The data are those that the run was trained and evaluated on"
_CONVERSATIONS = "Every row is a conversation that ends with an answer"
_TRACED = "Every row that claims to be real names what it was made from"
_REAL = "The share of real rows is the one that the run recorded"

CORPUS_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("split-missing", "corpus", "a split left out", _SAME_DATA, _split_missing),
    Mutation("file-missing", "corpus", "a file left out of its split", _SAME_DATA, _file_missing),
    Mutation("file-repeated", "corpus", "a training file among the validation files",
             "No validation file was trained on", _file_repeated),
    Mutation("file-resized", "corpus", "a file of another size", _SAME_DATA, _resized),
    Mutation("no-tokens", "corpus", "a split of no tokens", _SAME_DATA, _changed(tokens=0)),
    Mutation("tokens-doubled", "corpus", "a split of twice the tokens", _SAME_DATA, _more_tokens),
    Mutation("real-share-lowered", "corpus", "half of the rows made up", _REAL, _changed(real_share=0.5)),
    Mutation("validation-is-training", "corpus", "a validation split that is a training split",
             "No validation file was trained on", _trained_on_validation),
    Mutation("evaluation-rule-removed", "corpus", "no rule what the loss is computed over",
             "The recorded loss is that of the stated rule", _no_rule),
    Mutation("evaluation-rule-changed", "corpus", "a rule that reads half as many sequences",
             "The recorded loss is that of the stated rule", _another_rule),
    Mutation("conversation-of-plain-text", "corpus", "a row of plain text among conversations", _CONVERSATIONS,
             _row(_plain_text)),
    Mutation("conversation-role-unknown", "corpus", "a message of an unknown role", _CONVERSATIONS,
             _row(_another_speaker)),
    Mutation("conversation-unanswered", "corpus", "a conversation without its answer", _CONVERSATIONS,
             _row(_unanswered)),
    Mutation("conversation-kind-removed", "corpus", "a row that does not say whether it is real", _REAL,
             _row(_without("kind"))),
    Mutation("conversation-made-up", "corpus", "a row that was real and is marked synthetic", _REAL, _row(_made_up)),
    Mutation("conversation-source-removed", "corpus", "a real row that names no source", _TRACED,
             _row(_without("source"))),
    Mutation("source-missing", "corpus", "a source that rows name and the manifest does not", _TRACED,
             _source_missing),
    Mutation("conversation-leaked", "corpus", "a held-out conversation among those that are trained on",
             "No validation row was trained on", _leaked),
    control("corpus"),
)  # fmt: skip

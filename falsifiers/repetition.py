"""Data that validation has not seen in training, and that do not repeat themselves."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falsifiable import Corpus, NotApplicable, Verdict, falsifier
from falsifiers.windows import first_overlap, repetition

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHARACTERS_PER_TOKEN = 4  # what byte-pair encodings of English and of code come to, roughly


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A split as one sequence: its tokens, else its text as characters; and how long a window of it is."""

    symbols: NDArray[Any]
    unit: str
    window: int


def _sequence(corpus: Corpus, name: str, window: int) -> _Sequence | None:
    """The split's tokens where they were kept, else its text; None where neither was."""
    import numpy

    split = corpus.splits[name]
    if split.dtype is not None or split.tokens_path is not None:
        return _Sequence(corpus.token_ids(name), "tokens", window)
    if split.format == "chat":
        text = "\n".join(_said(record.values) for record in corpus.records(name))
    elif split.format == "text" and split.path is None and not split.shards:
        return None
    else:
        text = corpus.text(name)
    characters = numpy.frombuffer(text.encode("utf-32-le", "replace"), "<u4")
    return _Sequence(characters, "characters", window * _CHARACTERS_PER_TOKEN)


def _said(row: Mapping[str, Any]) -> str:
    """The texts of a conversation; what a system message says is common to all and left out."""
    messages = row.get("messages")
    parts = [one for one in messages if isinstance(one, Mapping)] if isinstance(messages, list) else []
    return "\n".join(str(one.get("content")) for one in parts if one.get("role") != "system")


@falsifier("corpus.no-overlap", needs="header", imports=("numpy",))
def no_overlap(corpus: Corpus, *, train: tuple[str, ...], validation: str = "validation", window: int = 64) -> Verdict:
    """No window of the validation split stands anywhere in a training split, at whatever offset.

    A copy that is shifted by one token has not one row in common with the original, and gives the loss of memory all
    the same; so every offset of the one is compared with every offset of the other (by a rolling hash; what has the
    same hash is compared in full). A conversation may not occur in both, however short it is.

    Args:
        train: the splits that were trained on.
        validation: the split that was held out.
        window: tokens in a row that may not occur twice; characters, four for a token, where only text was kept. Two
            modules of the Python standard library that were not copied from each other share at most 39 tokens (from
            licence texts), those that were copied up to 128 and more.
    """
    absent = [name for name in (*train, validation) if name not in corpus.splits]
    if absent or not train:
        return Verdict.inconclusive(f"{corpus.path}: has no split {', '.join(absent)}; name those that were trained on")
    held_out = _sequence(corpus, validation, window)
    if held_out is None or len(held_out.symbols) < held_out.window:
        short = _repeated_row(corpus, train, validation)
        if short is not None:
            return short
        return Verdict.inconclusive(
            f"{corpus.path}: nothing of split {validation} was kept; keep its tokens or its text"
        )
    compared = 0
    for name in train:
        learnt = _sequence(corpus, name, window)
        if learnt is None or learnt.unit != held_out.unit:
            said = f"the {held_out.unit} of split {name} were not kept; keep them beside those of {validation}"
            return Verdict.inconclusive(f"{corpus.path}: {said}")
        compared += len(learnt.symbols)
        found = first_overlap(held_out.symbols, [learnt.symbols], held_out.window)
        if found is not None:
            part = found.length / len(held_out.symbols)
            shift = f"{validation} is a copy, shifted by {found.train_at - found.held_out_at}" if part > 0.5 else ""
            return Verdict.of(
                False,
                found=f"{validation} from {held_out.unit[:-1]} {found.held_out_at} is {name} from {found.train_at} for "
                f"{found.length} {held_out.unit} ({100 * part:.3g} % of {validation}); expected less than "
                f"{held_out.window} in a row. {shift or 'The model is asked what it was told'}",
                examined=(compared, held_out.unit),
                overlap_length=(found.length, held_out.unit),
            )
    repeated = _repeated_row(corpus, train, validation)
    if repeated is not None and repeated.outcome == "falsified":
        return repeated
    windows = len(held_out.symbols) - held_out.window + 1
    return Verdict.of(True, examined=(compared, held_out.unit), validation_windows=windows)


def _repeated_row(corpus: Corpus, train: tuple[str, ...], validation: str) -> Verdict | None:
    """Whether a conversation of the validation split is one of a training split; None where they are not kept so."""
    if any(corpus.splits[name].format != "chat" for name in (*train, validation)):
        return None
    known = {_said(record.values): record.place for name in train for record in corpus.records(name)}
    held_out = list(corpus.records(validation))
    again = next((one for one in held_out if _said(one.values) in known), None)
    where = known[_said(again.values)] if again is not None else ""
    return Verdict.of(
        again is None,
        found=f"{again.place if again else ''} is the conversation of {where}; a validation row may not be trained on",
        examined=(len(known) + len(held_out), "rows"),
    )


@no_overlap.counterexample
def a_validation_window_in_train(corpus: Corpus, *, train: tuple[str, ...], validation: str, window: int) -> Corpus:
    """A piece of the validation split in the middle of what is trained on, at an odd offset."""
    if corpus.splits[train[0]].format == "chat":
        rows = [record.values for record in corpus.records(train[0])]
        copied = next((record.values for record in corpus.records(validation)), None)
        if copied is None:
            raise NotApplicable("the validation split has no row")
        return corpus.with_records(train[0], [*rows[:1], copied, *rows[1:]])
    held_out, learnt = _tokens(corpus, validation), _tokens(corpus, train[0])
    import numpy

    at = min(7, max(0, len(held_out) - window))
    pieces = (learnt[: len(learnt) // 2 + 1], held_out[at : at + window], learnt[len(learnt) // 2 + 1 :])
    return corpus.with_tokens(train[0], numpy.concatenate(pieces))


@no_overlap.counterexample
def validation_is_a_shifted_copy(corpus: Corpus, *, train: tuple[str, ...], validation: str) -> Corpus:
    """A validation split that is the training split without its first token."""
    if corpus.splits[train[0]].format == "chat":
        return corpus.with_records(validation, [record.values for record in corpus.records(train[0])][1:])
    return corpus.with_tokens(validation, _tokens(corpus, train[0])[1:])


def _tokens(corpus: Corpus, name: str) -> NDArray[Any]:
    found = _sequence(corpus, name, 1)
    if found is None or found.unit != "tokens":
        raise NotApplicable(f"the tokens of split {name} were not kept")
    return found.symbols


@falsifier("corpus.not-periodic", imports=("numpy",))
def not_periodic(
    corpus: Corpus,
    *,
    splits: tuple[str, ...] = (),
    window: int = 32,
    repeated: float = 0.2,
    compressed: float = 0.1,
) -> Verdict:
    """The data do not repeat themselves: few windows occurred before, and they do not compress to almost nothing.

    Data that wrap around are learnt by heart: in the reference cascade, 18.1M tokens read nine times over gave a
    validation loss below the training loss. What repeats is found at any distance, and the usual one is the period.

    Args:
        splits: the splits that are read; all of those that were kept where none is named.
        window: tokens in a row that count as one repetition; characters, four for a token, where only text was kept.
        repeated: largest share of windows that occurred before. Of 2.7M tokens of the Python standard library 0.9 to
            2.0 % did; of a corpus written twice in a row, half do, and of one read nine times 89 %.
        compressed: smallest size that zlib (level 6) leaves of the tokens or the text. It left 0.42 to 0.52 of those
            tokens, and 0.007 of 500 tokens repeated to 200,000.
    """
    chosen = splits or tuple(corpus.splits)
    kept = {name: found for name in chosen if name in corpus.splits and (found := _sequence(corpus, name, window))}
    if not kept or (splits and len(kept) < len(splits)):
        lost = ", ".join(name for name in chosen if name not in kept)
        return Verdict.inconclusive(f"{corpus.path}: neither tokens nor text of {lost} were kept; keep one of them")
    faults: list[str] = []
    measured: dict[str, float] = {}
    looked_at = 0
    for name, found in kept.items():
        looked_at += len(found.symbols)
        seen, ratio = repetition(found.symbols, found.window), _compressed(found)
        measured |= {f"repeated_{name.replace('-', '_')}": seen.share, f"compressed_{name.replace('-', '_')}": ratio}
        if seen.share > repeated:
            faults.append(
                f"split {name}: {100 * seen.share:.3g} % of its windows of {found.window} {found.unit} occurred "
                f"before, most of them {seen.period} {found.unit} earlier (expected at most {100 * repeated:g} %)"
            )
        if ratio < compressed:
            faults.append(f"split {name} compresses to {ratio:.3g} of its size (expected at least {compressed:g})")
    return Verdict.of(
        not faults,
        found="; ".join(faults) + ". The data wrap around, or a generator wrote the same again and again",
        examined=(looked_at, "symbols"),
        **measured,
    )


def _compressed(found: _Sequence) -> float:
    """The share of its size that zlib leaves of a sequence; text as bytes, so that four per character do not count."""
    import numpy

    raw = found.symbols.astype(numpy.uint8 if found.unit == "characters" else found.symbols.dtype).tobytes()
    return len(zlib.compress(raw, 6)) / len(raw) if raw else 1.0


@not_periodic.counterexample
def data_that_wrap_around(corpus: Corpus, *, splits: tuple[str, ...]) -> Corpus:
    """The first split read nine times over."""
    import numpy

    name = next((name for name in splits or corpus.splits if corpus.splits[name].format != "chat"), None)
    if name is None:
        return _rows_again(corpus, splits, 9)
    return corpus.with_tokens(name, numpy.tile(_tokens(corpus, name), 9))


@not_periodic.counterexample
def one_line_again_and_again(corpus: Corpus, *, splits: tuple[str, ...], window: int) -> Corpus:
    """A split of one short line, as a template writes it."""
    import numpy

    name = next((name for name in splits or corpus.splits if corpus.splits[name].format != "chat"), None)
    if name is None:
        return _rows_again(corpus, splits, 50, only=1)
    tokens = _tokens(corpus, name)
    return corpus.with_tokens(name, numpy.tile(tokens[: max(1, window // 2)], 400))


def _rows_again(corpus: Corpus, splits: tuple[str, ...], times: int, only: int | None = None) -> Corpus:
    """The rows of the first split so many times over; the first ``only`` of them."""
    name = next(iter(splits or corpus.splits))
    rows = [record.values for record in corpus.records(name)][:only]
    if not rows:
        raise NotApplicable(f"split {name} has no row")
    return corpus.with_records(name, rows * times)

"""``python -m examples.adapter``: the command line of the adapter's window.

Exit codes: 0 trained, or nothing to do; 1 the training failed or diverged; 2 refused, or wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.adapter.guards import guarded
from examples.adapter.options import Options
from examples.pretrain.guards import Refusal

TRAINED, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit code."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    parsed = command_line().parse_args(asked)
    options = Options(**{name: value for name, value in vars(parsed).items() if name not in ("check_only", "again")})
    try:
        return _train_unless_unchanged(options, asked, check_only=parsed.check_only, again=parsed.again)
    except Refusal as refusal:
        print(f"refused {refusal}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print(f"interrupted; {options.output} says so, and the next call starts afresh", file=sys.stderr)
        return INTERRUPTED
    except (ArithmeticError, OSError, RuntimeError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED


def command_line() -> argparse.ArgumentParser:
    """The options a person may give, each with its help."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m examples.adapter",
        description="Fine-tune a LoRA adapter of the reference run's model on conversations about Python functions. "
        "A completed window whose inputs are unchanged is not repeated.",
    )
    add = parser.add_argument
    add("--output", type=Path, default=defaults.output, metavar="FOLDER", help="run folder (default %(default)s)")
    add("--base", type=Path, default=defaults.base, metavar="FOLDER", help="model to adapt (default %(default)s)")
    add("--data", type=Path, metavar="FOLDER", help="train.jsonl and valid.jsonl (default: the standard library's)")
    add("--after", type=Path, metavar="FOLDER", help="run folder of the chunk that this one continues")
    add("--seed", type=int, default=defaults.seed, help="of the adapter and the batches (default %(default)s)")
    add("--steps", type=_positive, default=defaults.steps, help="updates (default %(default)s)")
    add("--save-every", type=_positive, default=defaults.save_every, help="updates per save (default %(default)s)")
    add("--rank", type=_positive, default=defaults.rank, help="of the update (default %(default)s)")
    add("--learning-rate", type=float, default=defaults.learning_rate, help="at its peak (default %(default)s)")
    add("--ring", type=_positive, default=defaults.ring, help="processes that train together (default %(default)s)")
    add("--check-only", action="store_true", help="run every guard, print what would be trained, write nothing")
    add("--again", action="store_true", help="train even if the inputs are unchanged")
    return parser


def _train_unless_unchanged(options: Options, asked: Sequence[str], *, check_only: bool, again: bool) -> int:
    from examples.pretrain.inputs import is_unchanged

    conversations = guarded(options)
    if check_only:
        rows = ", ".join(f"{len(rows)} {split}" for split, rows in conversations.rows.items())
        print(f"would adapt {options.base} on {rows} rows in a ring of {options.ring}")
        return TRAINED
    from examples.adapter.inputs import describe_inputs

    inputs = describe_inputs(options, conversations)
    if not again and is_unchanged(options.output, inputs):
        print(f"{options.output}: unchanged, nothing to do", file=sys.stderr)
        return TRAINED
    from examples.adapter.window import run

    run(options, conversations, inputs, ["python", "-m", "examples.adapter", *asked])
    return TRAINED


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())

"""``python -m examples.pretrain``: the command line of the reference run.

Exit codes: 0 trained, or nothing to do; 1 the training failed or diverged; 2 refused, or wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.pretrain.corpus import read_corpus, standard_library
from examples.pretrain.guards import Refusal, guarded
from examples.pretrain.inputs import describe_inputs, is_unchanged
from examples.pretrain.model import SIZES
from examples.pretrain.options import Options

TRAINED, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit code."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    parser = command_line()
    parsed = parser.parse_args(asked)
    if parsed.init is not None and (parsed.size is not None or parsed.pretrain_steps is not None):
        parser.error("--init takes the architecture from the checkpoint; --size and --pretrain-steps do not go with it")
    for name, path in (("--init", parsed.init), ("--tokenizer", parsed.tokenizer)):
        if path is not None and path.resolve().is_relative_to(parsed.output.resolve()):
            parser.error(f"{name} {path} lies in the folder that --output {parsed.output} writes anew")
    try:
        plan = guarded(options := _options(parsed))
        if parsed.check_only:
            print(plan)
            return TRAINED
        return _train_unless_unchanged(options, asked, again=parsed.again)
    except Refusal as refusal:
        print(f"refused {refusal}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print(f"interrupted; {parsed.output} says so, and the next call starts afresh", file=sys.stderr)
        return INTERRUPTED
    except (ArithmeticError, OSError, RuntimeError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED


def command_line() -> argparse.ArgumentParser:
    """The options a person may give, each with its help."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m examples.pretrain",
        description="Pretrain, fine-tune and export a small Qwen2 on the source files of the Python standard library. "
        "A completed run whose inputs are unchanged is not repeated.",
    )
    add = parser.add_argument
    add("--output", type=Path, default=defaults.output, metavar="FOLDER", help="run folder (default %(default)s)")
    add("--init", type=Path, metavar="PATH", help="fine-tune this Hugging Face folder instead of pretraining one")
    add("--tokenizer", type=Path, metavar="PATH", help="tokenizer.json or its folder (default: the checkpoint's own)")
    add("--size", choices=sorted(SIZES), help=f"what to pretrain (default {defaults.size})")
    add("--device", default=defaults.device, help="cpu or cuda (default %(default)s)")
    add("--seed", type=_natural, default=defaults.seed, help="of weights and batches (default %(default)s)")
    add("--steps", type=_natural, help="fine-tune updates (default: the recipe's, 500)")
    add("--pretrain-steps", type=_natural, help="pretrain updates (default: the recipe's, 300)")
    add("--stop-after", type=_natural, metavar="N", help="fine-tune updates to take of the --steps in the schedule")
    add("--learning-rate", type=float, help="peak learning rate of the fine-tune (default: the recipe's)")
    add("--threads", type=_natural, default=defaults.threads, help="CPU threads; part of the result's last digits")
    add("--check-only", action="store_true", help="run every guard, print what would be trained, write nothing")
    add("--again", action="store_true", help="train even if the inputs are unchanged")
    return parser


def _options(parsed: argparse.Namespace) -> Options:
    return Options(
        output=parsed.output,
        size=parsed.size or Options().size,
        device=parsed.device,
        seed=parsed.seed,
        steps=parsed.steps,
        pretrain_steps=parsed.pretrain_steps,
        stop_after=parsed.stop_after,
        learning_rate=parsed.learning_rate,
        init=parsed.init,
        tokenizer=parsed.tokenizer,
        threads=parsed.threads,
    )


def _train_unless_unchanged(options: Options, asked: Sequence[str], *, again: bool) -> int:
    corpus = read_corpus(standard_library())
    inputs = describe_inputs(options, corpus)
    if not again and is_unchanged(options.output, inputs):
        print(f"{options.output}: unchanged, nothing to do", file=sys.stderr)
        return TRAINED
    from examples.pretrain.pipeline import run

    run(options, corpus, inputs, ["python", "-m", "examples.pretrain", *asked])
    return TRAINED


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


if __name__ == "__main__":
    sys.exit(main())

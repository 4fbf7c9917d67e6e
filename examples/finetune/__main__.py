"""``python -m examples.finetune``: the command line of the fine-tune.

Exit codes: 0 trained; 1 the training failed or diverged; 2 refused, or wrong usage; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.finetune.checkpoint import UnfitSourceError
from examples.finetune.options import Options
from examples.pretrain.corpus import read_corpus, standard_library
from examples.pretrain.guards import Refusal

TRAINED, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the exit code."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    parsed = command_line().parse_args(asked)
    options = Options(**vars(parsed))
    from examples.finetune.pipeline import run

    try:
        run(options, read_corpus(standard_library()), ["python", "-m", "examples.finetune", *asked])
    except (Refusal, UnfitSourceError) as refusal:
        print(f"refused {refusal}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print(f"interrupted; {options.output} says so, and the next call starts afresh", file=sys.stderr)
        return INTERRUPTED
    except (ArithmeticError, OSError, RuntimeError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED
    return TRAINED


def command_line() -> argparse.ArgumentParser:
    """The options a person may give, each with its help."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m examples.finetune",
        description="Fine-tune SmolLM2-135M-Instruct, as its makers published it in GGUF, on the source files of the "
        "Python standard library. 500 steps take a quarter of an hour on two cores and 3 GB of memory.",
    )
    add = parser.add_argument
    add("--source", type=Path, default=defaults.source, metavar="FILE", help="the GGUF file (default %(default)s)")
    add("--output", type=Path, default=defaults.output, metavar="FOLDER", help="run folder (default %(default)s)")
    add("--device", default=defaults.device, help="cpu or cuda (default %(default)s)")
    add("--seed", type=_natural, default=defaults.seed, help="of the batches (default %(default)s)")
    add("--steps", type=_natural, default=defaults.steps, help="updates (default %(default)s)")
    add("--learning-rate", type=float, default=defaults.learning_rate, help="at its peak (default %(default)s)")
    add("--threads", type=_natural, default=defaults.threads, help="CPU threads (default %(default)s)")
    return parser


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


if __name__ == "__main__":
    sys.exit(main())

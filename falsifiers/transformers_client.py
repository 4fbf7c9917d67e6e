"""Real ``transformers`` as a user calls it: AutoModelForCausalLM and AutoTokenizer, offline, without code of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falsifiers.llama_cpp import CANDIDATES, Generated

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class LoadedFolder:
    """A model and its tokenizer, loaded; ``filled`` names what the loader had to make up or leave out."""

    model: Any
    tokenizer: Any
    filled: str

    def ids(self, prompt: str) -> list[int]:
        """The tokens of a text."""
        return [int(one) for one in self.tokenizer(prompt)["input_ids"]]

    def next_tokens(self, ids: list[int], tokens: int) -> Generated:
        """Greedy tokens after ``ids``, one forward pass over everything so far for each; ends where the model ends."""
        import torch

        taken: list[int] = []
        best = []
        for _ in range(tokens):
            with torch.no_grad():
                logits = self.model(input_ids=torch.tensor([ids + taken])).logits[0, -1].double()
            values, places = torch.topk(logits.log_softmax(-1), CANDIDATES)
            if int(places[0]) in self._ends():
                break
            taken.append(int(places[0]))
            best.append(tuple(float(one) for one in values))
        return Generated(self.tokenizer.decode(taken), tuple(taken), tuple(best), len(ids))

    def generate(self, prompt: str, tokens: int) -> Generated:
        """Greedy tokens after a text, or why there are none."""
        ids = self.ids(prompt)
        if not ids:
            return Generated(refusal="the tokenizer makes no token of the prompt")
        outside = max(ids) - self.model.get_input_embeddings().num_embeddings
        return Generated(refusal="index out of range in self") if outside >= 0 else self.next_tokens(ids, tokens)

    def _ends(self) -> tuple[int, ...]:
        named = self.model.generation_config.eos_token_id
        return tuple(named) if isinstance(named, (list, tuple)) else (named,)


def load_folder(path: Path) -> LoadedFolder | str:
    """The folder as ``transformers`` loads it in float32, or what it says when it does not."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        model, report = AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32, local_files_only=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # whatever the library raises over a folder is its refusal
        if isinstance(error, MemoryError):
            raise
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    faults = {kind.replace("_", " "): sorted(map(str, names)) for kind, names in report.items() if names}
    told = "; ".join(f"{kind} {names[0]} ({len(names)} in all)" for kind, names in faults.items())
    return LoadedFolder(model.eval(), tokenizer, told)

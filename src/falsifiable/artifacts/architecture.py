"""Model architectures: what a file calls its own, and which family that is.

Hugging Face names a class (``Qwen2ForCausalLM``), GGUF names a family in lower case (``qwen2``). llama.cpp loads a
file only under a name that it knows, so a class name in a GGUF file is a mistake that this table makes visible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["decoder", "encoder", "encoder-decoder"]

# gguf 0.19.0, gguf.constants.MODEL_ARCH_NAMES
GGUF_ARCHITECTURES = frozenset(
    {
        "afmoe", "apertus", "arcee", "arctic", "arwkv7", "baichuan", "bailingmoe", "bailingmoe2", "bert",
        "bitnet", "bloom", "chameleon", "chatglm", "clip", "codeshell", "cogvlm", "cohere2", "command-r",
        "dbrx", "deci", "deepseek", "deepseek2", "deepseek2-ocr", "dots1", "dream", "ernie4_5", "ernie4_5-moe",
        "eurobert", "exaone", "exaone-moe", "exaone4", "falcon", "falcon-h1", "gemma", "gemma-embedding",
        "gemma2", "gemma3", "gemma3n", "gemma4", "glm-dsa", "glm4", "glm4moe", "gpt-oss", "gpt2", "gptj",
        "gptneox", "granite", "granitehybrid", "granitemoe", "grok", "grovemoe", "hunyuan-dense", "hunyuan-moe",
        "hunyuan_vl", "internlm2", "jais", "jais2", "jamba", "jina-bert-v2", "jina-bert-v3", "kimi-linear",
        "lfm2", "lfm2moe", "llada", "llada-moe", "llama", "llama-embed", "llama4", "maincoder", "mamba",
        "mamba2", "mimo2", "minicpm", "minicpm3", "minimax-m2", "mistral3", "mistral4", "modern-bert", "mpt",
        "nemotron", "nemotron_h", "nemotron_h_moe", "neo-bert", "nomic-bert", "nomic-bert-moe", "olmo", "olmo2",
        "olmoe", "openelm", "orion", "paddleocr", "pangu-embedded", "phi2", "phi3", "phimoe", "plamo", "plamo2",
        "plamo3", "plm", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen35", "qwen35moe", "qwen3moe",
        "qwen3next", "qwen3vl", "qwen3vlmoe", "refact", "rnd1", "rwkv6", "rwkv6qwen2", "rwkv7", "seed_oss",
        "smallthinker", "smollm3", "stablelm", "starcoder", "starcoder2", "step35", "t5", "t5encoder",
        "wavtokenizer-dec", "xverse",
    }
)  # fmt: skip

_GGUF_ENCODERS = frozenset(
    {
        "bert", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llama-embed", "modern-bert",
        "neo-bert", "nomic-bert", "nomic-bert-moe", "t5encoder",
    }
)  # fmt: skip
# Not causal language models either: an image encoder, an audio decoder, and language models that fill in masks.
_GGUF_WITHOUT_ROLE = frozenset({"clip", "wavtokenizer-dec", "dream", "llada", "llada-moe", "rnd1"})

# Exporters reorder the rows of q and k for these, because llama.cpp rotates neighbouring pairs of a head where
# Hugging Face rotates its two halves (llama.cpp, LlamaModel.permute and the models that use or inherit it).
GGUF_WITH_PERMUTED_QUERY_AND_KEY = frozenset(
    {
        "arcee", "arctic", "baichuan", "deci", "granite", "granitemoe", "internlm2", "llama", "minicpm",
        "mistral3", "olmo", "smollm3", "xverse",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """One family of models: its name, the stem of its Hugging Face classes, and its name in GGUF (None: not there)."""

    name: str
    class_stem: str
    gguf: str | None
    role: Role = "decoder"

    @property
    def hf_class(self) -> str:
        """The class that a checkpoint of this family usually names."""
        suffix = {"decoder": "ForCausalLM", "encoder": "Model", "encoder-decoder": "ForConditionalGeneration"}
        return {"gpt2": "GPT2LMHeadModel"}.get(self.name, self.class_stem + suffix[self.role])


_FAMILIES = (
    Family("llama", "Llama", "llama"),
    Family("mistral", "Mistral", "llama"),
    Family("mixtral", "Mixtral", "llama"),
    Family("qwen2", "Qwen2", "qwen2"),
    Family("qwen2_moe", "Qwen2Moe", "qwen2moe"),
    Family("qwen3", "Qwen3", "qwen3"),
    Family("qwen3_moe", "Qwen3Moe", "qwen3moe"),
    Family("qwen3_next", "Qwen3Next", "qwen3next"),
    Family("gemma", "Gemma", "gemma"),
    Family("gemma2", "Gemma2", "gemma2"),
    Family("gemma3_text", "Gemma3", "gemma3"),
    Family("phi", "Phi", "phi2"),
    Family("phi3", "Phi3", "phi3"),
    Family("phimoe", "Phimoe", "phimoe"),
    Family("gpt2", "GPT2", "gpt2"),
    Family("gptj", "GPTJ", "gptj"),
    Family("gpt_neox", "GPTNeoX", "gptneox"),
    Family("gpt_oss", "GptOss", "gpt-oss"),
    Family("gpt_bigcode", "GPTBigCode", "starcoder"),
    Family("starcoder2", "Starcoder2", "starcoder2"),
    Family("falcon", "Falcon", "falcon"),
    Family("bloom", "Bloom", "bloom"),
    Family("mpt", "MPT", "mpt"),
    Family("opt", "OPT", None),
    Family("stablelm", "StableLm", "stablelm"),
    Family("cohere", "Cohere", "command-r"),
    Family("cohere2", "Cohere2", "cohere2"),
    Family("olmo", "Olmo", "olmo"),
    Family("olmo2", "Olmo2", "olmo2"),
    Family("olmoe", "Olmoe", "olmoe"),
    Family("granite", "Granite", "granite"),
    Family("granitemoe", "GraniteMoe", "granitemoe"),
    Family("smollm3", "SmolLM3", "smollm3"),
    Family("internlm2", "InternLM2", "internlm2"),
    Family("minicpm", "MiniCPM", "minicpm"),
    Family("deepseek", "Deepseek", "deepseek"),
    Family("deepseek_v2", "DeepseekV2", "deepseek2"),
    Family("deepseek_v3", "DeepseekV3", "deepseek2"),
    Family("glm4", "Glm4", "glm4"),
    Family("nemotron", "Nemotron", "nemotron"),
    Family("exaone", "Exaone", "exaone"),
    Family("mamba", "Mamba", "mamba"),
    Family("mamba2", "Mamba2", "mamba2"),
    Family("jamba", "Jamba", "jamba"),
    Family("dbrx", "Dbrx", "dbrx"),
    Family("arcee", "Arcee", "arcee"),
    Family("seed_oss", "SeedOss", "seed_oss"),
    Family("bert", "Bert", "bert", "encoder"),
    Family("roberta", "Roberta", "bert", "encoder"),
    Family("xlm-roberta", "XLMRoberta", "bert", "encoder"),
    Family("camembert", "Camembert", "bert", "encoder"),
    Family("distilbert", "DistilBert", "bert", "encoder"),
    Family("mpnet", "MPNet", None, "encoder"),
    Family("albert", "Albert", None, "encoder"),
    Family("electra", "Electra", None, "encoder"),
    Family("deberta-v2", "DebertaV2", None, "encoder"),
    Family("modernbert", "ModernBert", "modern-bert", "encoder"),
    Family("nomic_bert", "NomicBert", "nomic-bert", "encoder"),
    Family("eurobert", "EuroBert", "eurobert", "encoder"),
    Family("t5", "T5", "t5", "encoder-decoder"),
    Family("mt5", "MT5", "t5", "encoder-decoder"),
    Family("bart", "Bart", None, "encoder-decoder"),
)
_BY_NAME: Mapping[str, Family] = {family.name: family for family in _FAMILIES}
_BY_CLASS_STEM: Mapping[str, Family] = {family.class_stem: family for family in _FAMILIES}
_BY_GGUF: Mapping[str, Family] = {
    family.gguf: family for family in reversed(_FAMILIES) if family.gguf is not None
}  # reversed: of several families that share a GGUF name, the first in the table speaks for it

_CLASS_SUFFIX = re.compile(
    r"(?P<stem>\w+?)(?P<suffix>For[A-Z]\w*|LMHeadModel|LMHead|EncoderModel|DoubleHeadsModel|TextModel|Model)"
)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a model is.

    ``stored`` is what the file says, verbatim; ``family`` the lower-case name of the family it belongs to, or None
    where the table does not know it; ``hf_class`` the Hugging Face class (as stored, or the family's usual one);
    ``gguf`` the name under which llama.cpp knows the family, or None.
    """

    stored: str | None = None
    family: str | None = None
    hf_class: str | None = None
    role: Role | None = None
    gguf: str | None = None


def family_named(name: str) -> Family | None:
    """The family of this name, the ``model_type`` of its config.json; None if it is not known."""
    return _BY_NAME.get(name)


def family_of_class(hf_class: str) -> Family | None:
    """The family of a Hugging Face class such as ``Qwen2ForCausalLM`` or ``BertModel``; None if it is not known."""
    named = _CLASS_SUFFIX.fullmatch(hf_class)
    return None if named is None else _BY_CLASS_STEM.get(named["stem"])


def architecture_of_config(hf_class: object, model_type: object) -> Architecture:
    """The architecture of a Hugging Face folder from ``architectures[0]`` and ``model_type`` of its config.json.

    Values that are not text count as absent. The class decides; ``model_type`` helps where there is no class.
    """
    stored = hf_class if isinstance(hf_class, str) else None
    family = family_of_class(stored) if stored is not None else None
    if family is None and stored is None and isinstance(model_type, str):
        family = _BY_NAME.get(model_type)
    if family is None:
        role: Role | None = "decoder" if stored is not None and stored.endswith("ForCausalLM") else None
        return Architecture(stored, None, stored, role, None)
    return Architecture(stored, family.name, stored or family.hf_class, family.role, family.gguf)


def architecture_of_gguf(general_architecture: object) -> Architecture:
    """The architecture of a GGUF file from ``general.architecture``; a value that is not text counts as absent."""
    if not isinstance(general_architecture, str):
        return Architecture()
    stored = general_architecture
    family = _BY_GGUF.get(stored) or family_of_class(stored)
    if family is not None:
        return Architecture(stored, family.name, family.hf_class, family.role, family.gguf)
    if stored not in GGUF_ARCHITECTURES:
        return Architecture(stored)
    role: Role | None = "encoder" if stored in _GGUF_ENCODERS else "decoder"
    return Architecture(stored, stored, None, None if stored in _GGUF_WITHOUT_ROLE else role, stored)

"""A real fine-tune of a real checkpoint: SmolLM2-135M-Instruct, made by others, on the sources of the standard library.

``python -m examples.finetune`` dequantises the published GGUF file into a Hugging Face checkpoint, fine-tunes that with
the loop of ``examples.pretrain``, and exports the result. Read ``pipeline.py`` first.
"""

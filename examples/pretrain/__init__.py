"""The reference run: pretrain, fine-tune and export a small language model on real code, and record what happened.

``python -m examples.pretrain`` reads the corpus, trains a tokenizer and a model, fine-tunes the saved checkpoint, and
exports it. Read ``pipeline.py`` first: it is the whole story, and the other modules are its steps.
"""

"""A bounded window of real training: a LoRA adapter of the reference run's model, fine-tuned on conversations.

``python -m examples.adapter`` makes conversations from the Python standard library, launches a ring of processes that
train one adapter together, saves it along the way, and leaves it in the layouts of PEFT and of MLX. Read ``window.py``
first: it is the whole story, and the other modules are its steps.
"""

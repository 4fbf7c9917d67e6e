"""A race of tiny language models: byte-level, on one CPU thread, ten seconds each.

``python -m examples.race FOLDER`` runs ``race.yaml``, a smoke race of seven recipes with three seeds each, on this
machine; ``python -m examples.race.on_ray FOLDER`` runs it on two Ray nodes. ``train.py`` is one run of it.
``python -m examples.race.sweep`` trains many recipes to the end: finished curves to calibrate a predictor on.
"""

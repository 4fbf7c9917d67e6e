"""The standard library of falsifiers: one module per property of a model.

It uses the public SDK alone (``from falsifiable import falsifier, Model, ...``) and is found through the entry point
``falsifiable.falsifiers``, as any third party's would be. Heavy libraries are imported inside the functions that need
them. Modules without a check (``inventory``, ``closeness``, ``evaluation``, ``reference_decoder``, ``oracle``,
``codec``, ``llama_cpp``) are what several checks share.
"""

"""Which part of a PyTorch checkpoint is the model, and what else the checkpoint says.

The rule, in order: the first of the keys in :data:`STATE_KEYS` whose value holds tensors (a mapping, or a module that
was saved whole); else the tensors that stand directly in the top-level mapping, other than what is needed to resume
(:data:`PARTS`); else those of every other nested mapping, under dotted names; and only if there are none, all others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.pickle_objects import Called, Reference
from falsifiable.artifacts.formats.pytorch.storages import Rebuilt, Unread, rebuilt
from falsifiable.artifacts.limits import Limits

STATE_KEYS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "ema")
CONFIG_KEYS = ("config", "model_config", "hyper_parameters", "model_args", "hparams", "args")
PARTS: Mapping[str, tuple[str, ...]] = {
    "optimizer": ("optimizer", "optimizer_state_dict", "optimizer_states", "optimizers", "optim", "optimizer_state"),
    "scheduler": ("scheduler", "lr_scheduler", "lr_schedulers", "scheduler_state_dict", "lr_scheduler_state_dict"),
    "rng": ("rng", "rng_state", "rng_states", "torch_rng_state", "cuda_rng_state", "cuda_rng_state_all",
            "numpy_rng_state", "python_rng_state", "random_state", "random_rng_state"),
    "scaler": ("scaler", "grad_scaler", "amp", "scaler_state_dict", "native_amp_scaling_state"),
    "ema": ("ema", "ema_state_dict", "model_ema", "state_dict_ema"),
    "step": ("step", "global_step", "iteration", "iter", "epoch", "steps", "iter_num"),
}  # fmt: skip
"""What a run needs to be resumed beside its weights -> the keys under which it is usually saved."""

_PART_KEYS = frozenset(key for keys in PARTS.values() for key in keys if key not in STATE_KEYS)
_CONTAINERS = ("OrderedDict", "defaultdict", "Counter", "AttributeDict", "dict", "UserDict")
_DEEPEST_MODULE_LEVELS = 64
_NUMPY_NUMBERS = {
    "f8": "<d", "f4": "<f", "f2": "<e", "i8": "<q", "i4": "<i", "i2": "<h", "i1": "<b", "u8": "<Q", "u4": "<I",
    "u2": "<H", "u1": "<B", "b1": "<?",
}  # fmt: skip

Found = dict[str, Rebuilt | Unread]


class StateFinder:
    """Walks the inert objects of one checkpoint, within a budget of values."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.seen = 0

    def state(self, top: Mapping[object, object]) -> tuple[str, Found]:
        """The key of the model's part (empty if it is the top level itself) and its tensors by name."""
        for key in STATE_KEYS:
            if key in top and (found := self._all(top[key])):
                return key, found
        others = {key: value for key, value in top.items() if key not in _PART_KEYS}
        direct = {key: value for key, value in others.items() if rebuilt(value, self.path) is not None}
        if direct:  # among weights, a tensor that is called "step" is one of them
            direct = {key: value for key, value in top.items() if rebuilt(value, self.path) is not None}
        return "", self._all(direct) or self._all(others) or self._all(dict(top))

    def of_module(self, value: object) -> Found:
        """The tensors of whatever was saved in the place of a mapping."""
        return self._all(value)

    def _all(self, value: object) -> Found:
        found: Found = {}
        for name, tensor in self._tensors(value, "", 0):
            if name in found:
                raise ArtifactError(self.path, f"two tensors are called {name[:80]!a}", kind="unsound")
            found[name] = tensor
        return found

    def _tensors(self, value: object, prefix: str, depth: int) -> Iterator[tuple[str, Rebuilt | Unread]]:
        self.count()
        fields = _module_fields(value) or fields_of(value)
        if fields is None or depth > _DEEPEST_MODULE_LEVELS:
            return
        for key, one in fields.items():
            if not isinstance(key, str | int):
                continue
            name = f"{prefix}{key}"
            tensor = rebuilt(one, self.path)
            if tensor is not None:
                yield name, tensor
            elif isinstance(one, dict | Called):
                yield from self._tensors(one, f"{name}.", depth + 1)

    def count(self) -> None:
        """Raise once more values were visited than any real checkpoint has."""
        self.seen += 1
        if self.seen > self.limits.pickle_plain_values + self.limits.model_tensors:
            raise ArtifactError(
                self.path, f"the objects of the pickle expand to more than {self.seen} values", kind="unsound"
            )

    def plain(self, value: object, depth: int = 0) -> object:
        """``value`` as plain data: what is not plain becomes its name in angle brackets."""
        self.count()
        if isinstance(value, Called):
            value = _unwrapped(value)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, Reference):
            return value.name if value.module == "torch" else f"<{value}>"
        if isinstance(value, bytes):
            return f"<{len(value)} bytes>"
        if depth >= self.limits.pickle_plain_depth_levels:
            return "<nested deeper>"
        if isinstance(value, list | tuple):
            return [self.plain(one, depth + 1) for one in value]
        fields = fields_of(value)
        if fields is not None:
            return {str(key): self.plain(one, depth + 1) for key, one in fields.items() if _is_name(key)}
        target = value.target if isinstance(value, Called) else None
        return f"<{target}>" if isinstance(target, Reference) else "<object>"

    def holds_tensors(self, value: object) -> bool:
        """Whether there is a tensor in ``value``, so that it is summarised and not kept."""
        waiting: list[object] = [value]
        while waiting:
            self.count()
            one = waiting.pop()
            if rebuilt(one, self.path) is not None:
                return True
            fields = fields_of(one)
            waiting += fields.values() if fields is not None else one if isinstance(one, list | tuple) else ()
        return False


def fields_of(value: object) -> Mapping[object, object] | None:
    """A mapping or an object with attributes as a mapping, else None."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, Called):
        return None
    if value.pairs:
        return value.pairs
    name = value.target.name if isinstance(value.target, Reference) else ""
    if name in _CONTAINERS:
        first = value.arguments[0] if value.arguments else None
        return _pairs(first) if isinstance(first, list) else first if isinstance(first, dict) else {}
    state = value.state[0] if isinstance(value.state, tuple) and value.state else value.state
    if isinstance(state, dict):
        content = state.get("_content")  # of an omegaconf node
        return content if isinstance(content, dict) else state
    return None


def _pairs(items: list[object]) -> dict[object, object]:
    """Python 2 saved an OrderedDict as a list of [key, value]."""
    return {one[0]: one[1] for one in items if isinstance(one, list | tuple) and len(one) == 2 and _is_name(one[0])}


def _is_name(key: object) -> bool:
    return isinstance(key, str | int | float | bool)


def _module_fields(value: object) -> Mapping[object, object] | None:
    """Parameters, buffers and submodules of a module that was saved whole, named as its state_dict names them."""
    state = value.state if isinstance(value, Called) else None
    if not isinstance(state, dict) or "_parameters" not in state or "_modules" not in state:
        return None
    named: dict[object, object] = {}
    temporary = state.get("_non_persistent_buffers_set")
    skipped = _items(temporary) if isinstance(temporary, Called) else ()
    for part in ("_parameters", "_buffers", "_modules"):
        fields = fields_of(state.get(part)) or {}
        named |= {key: one for key, one in fields.items() if part != "_buffers" or key not in skipped}
    return named


def _unwrapped(called: Called) -> object:
    """The number in a NumPy scalar or in a node of a configuration tree; else the call itself."""
    name = called.target.name if isinstance(called.target, Reference) else ""
    if name == "scalar" and len(called.arguments) == 2:
        return _numpy_scalar(*called.arguments, otherwise=called)
    if name == "Size" and called.arguments and isinstance(called.arguments[0], tuple):
        return called.arguments[0]
    if isinstance(called.state, dict) and "_val" in called.state:
        return called.state["_val"]
    if name in ("set", "frozenset", "list", "deque", "ListConfig"):
        return _items(called)
    if name in ("PosixPath", "WindowsPath", "Path") and all(isinstance(one, str) for one in called.arguments):
        return "/".join(map(str, called.arguments))
    return called


def _items(called: Called) -> list[object]:
    """What is in a list or set: protocols below 4 give the items as an argument."""
    if called.items is not None:
        return called.items
    first = called.arguments[0] if called.arguments else ()
    return list(first) if isinstance(first, list | tuple) else []


def _numpy_scalar(dtype: object, content: object, *, otherwise: object) -> object:
    if isinstance(content, Called) and content.arguments and isinstance(content.arguments[0], str):
        content = content.arguments[0].encode("latin-1", "replace")  # bytes, as protocol 2 writes them
    code = dtype.arguments[0] if isinstance(dtype, Called) and dtype.arguments else None
    number = _NUMPY_NUMBERS.get(code, "0s") if isinstance(code, str) else "0s"
    state = dtype.state if isinstance(dtype, Called) else None
    if isinstance(state, tuple) and state[1:2] == (">",):
        number = number.replace("<", ">")
    layout = struct.Struct(number)
    if not layout.size or not isinstance(content, bytes) or len(content) != layout.size:
        return otherwise
    return layout.unpack(content)[0]

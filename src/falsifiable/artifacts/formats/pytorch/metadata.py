"""What a PyTorch checkpoint states beside its weights, as flat metadata under dotted keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from falsifiable.artifacts.formats.pytorch.pickle_objects import Called
from falsifiable.artifacts.formats.pytorch.state import CONFIG_KEYS, PARTS, StateFinder, fields_of

WRAPPERS: Mapping[str, str] = {
    "module.": "torch.nn.parallel.DistributedDataParallel",
    "_orig_mod.": "torch.compile",
}
"""The prefix that a wrapper puts before all names -> the wrapper."""


def checkpoint_metadata(finder: StateFinder, top: Mapping[object, object], state_key: str) -> dict[str, object]:
    """Plain values of the top level but the model itself; one level of nesting becomes dotted keys.

    What holds tensors (an optimizer) is given by its keys alone. The fields of a configuration (one of
    ``CONFIG_KEYS``) stand at the top level too, where no other key has their name; ``__config__`` says where they come
    from.
    """
    metadata: dict[str, object] = {}
    for key, value in top.items():
        if isinstance(key, str | int) and key != state_key:
            metadata.update(_entries(finder, str(key), value))
    _lift_config(finder, top, metadata)
    return metadata


def parts_of(top: Mapping[object, object]) -> list[str]:
    """Which parts of a resumable checkpoint are there and not empty, by the names in ``PARTS``; sorted."""
    return sorted(part for part, keys in PARTS.items() if any(_is_filled(top.get(key)) for key in keys))


def wrapper_prefix(names: Iterable[str], *, lightning: bool) -> str:
    """What wrappers put before every name: to be dropped before names are compared. Empty if nothing."""
    rest, prefix = list(names), ""
    wrappers = (*WRAPPERS, "model.") if lightning else tuple(WRAPPERS)
    while rest:
        found = next((one for one in wrappers if all(name.startswith(one) for name in rest)), None)
        if found is None:
            break
        prefix += found
        wrappers = tuple(one for one in wrappers if one != found)
        rest = [name.removeprefix(found) for name in rest]
    return prefix


def _entries(finder: StateFinder, key: str, value: object) -> dict[str, object]:
    fields = fields_of(value)
    if fields is None:
        items = value if isinstance(value, list | tuple) else ()
        return {key: f"[{len(items)} values]" if items and finder.holds_tensors(value) else finder.plain(value)}
    if finder.holds_tensors(value) or key in PARTS["optimizer"]:
        return {key: [str(one) for one in fields]}
    return {f"{key}.{name}": finder.plain(one) for name, one in fields.items() if isinstance(name, str | int)}


def _lift_config(finder: StateFinder, top: Mapping[object, object], metadata: dict[str, object]) -> None:
    for key in CONFIG_KEYS:
        fields = fields_of(top.get(key))
        if not fields or finder.holds_tensors(top[key]):
            continue
        nested = next((one for name in ("config", "model") if (one := fields_of(fields.get(name)))), None)
        for name, value in (nested or fields).items():
            if isinstance(name, str):
                metadata.setdefault(name, finder.plain(value))
        metadata.setdefault("__config__", key)
        return


def _is_filled(value: object) -> bool:
    if value is None:
        return False
    fields = fields_of(value)
    if fields is not None:
        return bool(fields)
    return bool(value) if isinstance(value, list | tuple) else isinstance(value, int | float | Called)

"""Pickles read as data: a machine for the opcodes of protocols 0 to 5 that imports nothing and calls nothing.

A pickle is a program. Where it names a function or class the machine puts an inert :class:`Reference` on its stack, and
where it calls one an inert :class:`Called` that remembers the arguments; both are data, whatever they name. What was
named and called before a stream breaks is kept, because an unpickler has run it by then. And a stream breaks only where
every unpickler breaks: what else is wrong with it is noted as its fault, and what comes behind is read all the same.
"""

from __future__ import annotations

import struct
from pathlib import Path

from falsifiable.artifacts.errors import ArtifactError
from falsifiable.artifacts.formats.pytorch.pickle_objects import (
    COMPUTED,
    EXTENSION,
    Called,
    Ending,
    OpaqueKey,
    Persistent,
    PickleRun,
    Reference,
)
from falsifiable.artifacts.formats.pytorch.pickle_opcodes import HANDLERS
from falsifiable.artifacts.formats.pytorch.pickle_stack import CutError, FaultError, LimitError, Machine, StopError
from falsifiable.artifacts.limits import DEFAULT_LIMITS, Limits

__all__ = ["COMPUTED", "EXTENSION", "Called", "OpaqueKey", "Persistent", "PickleRun", "Reference", "run_pickle"]


def run_pickle(
    content: bytes,
    path: Path,
    *,
    start: int = 0,
    base_offset: int = 0,
    persistent: Persistent | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> PickleRun:
    """Read one pickle from ``content[start:]``, whose first byte lies at ``base_offset + start`` of the file.

    ``persistent`` may raise ArtifactError. Never raises: a malformed stream, or one beyond ``limits``, is a ``fault``
    of kind ``unsound``, with the offset of the opcode.
    """
    machine = Machine(content, path, start, base_offset, persistent, limits)
    ending, broken = _run(machine)
    fault = machine.fault or broken
    value = machine.stack[-1] if fault is None else None
    end, wanted = base_offset + machine.position, base_offset + machine.wanted
    return PickleRun(
        value, end, tuple(machine.references), tuple(machine.calls), machine.opcodes, fault, ending, wanted
    )


def _run(machine: Machine) -> tuple[Ending, ArtifactError | None]:
    """Where it ended, and why unless at STOP."""
    try:
        _steps(machine)
    except StopError:
        return "stop", None
    except FaultError as fault:
        ending: Ending = "cut" if isinstance(fault, CutError) else "limit" if isinstance(fault, LimitError) else "break"
        return ending, machine.error(str(fault))
    except ArtifactError as fault:
        return "break", fault
    except IndexError:
        return "break", machine.error("takes from an empty stack")
    except (ValueError, struct.error) as fault:
        return "break", machine.error(f"holds a malformed value ({fault})"[:200])
    raise AssertionError  # _steps ends by an exception only


def _steps(machine: Machine) -> None:
    content, handlers, budget = machine.content, HANDLERS, machine.limits.pickle_opcodes
    size = len(content)
    while machine.opcodes < budget:
        position = machine.position
        if position >= size:
            machine.started = size
            raise machine.cut(1, "ends before its STOP opcode: the file was cut")
        machine.started = position
        machine.position = position + 1
        machine.opcodes += 1
        handlers[content[position]](machine)
    raise LimitError(f"has more than {budget} opcodes, the limit")

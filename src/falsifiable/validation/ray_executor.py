"""The executor of a Ray cluster: the same jobs, judged by whichever node has the bytes and the room.

A job has one outcome, whatever happens to the nodes: at any moment one attempt of it counts, and what another attempt
says later is not listened to. An attempt that was lost with its node had said nothing; it is made again a bounded
number of times, and then the job is inconclusive. What has been judged is never asked again, whatever it said.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from falsifiable.validation.cluster_node import Answer, errand_for, judge_here
from falsifiable.validation.cluster_placement import Node, Placement, as_ray_counts
from falsifiable.validation.executor import ExecutorError, LocalExecutor, Lost
from falsifiable.validation.results import Cause
from falsifiable.validation.workers import Job, Outcome

ATTEMPTS = 3
"""How often a job may be lost before it is given up: two nodes may well fail in one run, and what takes down a third is
the job."""
LOOK_SECONDS = 0.5
"""How often nodes that came or went are looked for while nothing ends."""


@dataclass(slots=True)
class _Errand:
    """A job under way: where its attempts were lost, and which nodes refused it and why."""

    job: Job
    lost: list[str] = field(default_factory=list)
    avoided: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    node: Node | None = None

    @property
    def has_started(self) -> bool:
        return bool(self.lost or self.refused or self.node)


class RayExecutor:
    """Runs jobs on the Ray cluster that this process is connected to, else on the one that ``RAY_ADDRESS`` names, else
    on one of this machine alone."""

    def __init__(self, *, quiet: bool = True) -> None:
        self._quiet = quiet
        self._here = LocalExecutor(quiet=quiet)
        self._ours = False

    def __enter__(self) -> Self:
        if not ray.is_initialized():
            self._connect()
        # Losses are counted here: Ray's own retries would run a job again that nobody knows to have been lost.
        self._judge = ray.remote(max_retries=0, retry_exceptions=False)(judge_here)
        self._here.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._here.__exit__(kind, error, trace)
        if self._ours:
            ray.shutdown()

    def _connect(self) -> None:
        named = os.environ.get("RAY_ADDRESS", "")
        try:
            if named:
                ray.init(address=named, log_to_driver=not self._quiet, configure_logging=not self._quiet)
            else:
                ray.init(include_dashboard=False, log_to_driver=not self._quiet, configure_logging=not self._quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"at RAY_ADDRESS={named}" if named else "on this machine"
            said = " ".join(str(error).split())
            raise ExecutorError(f"no Ray cluster could be reached {where}: {said}; see ray status") from error
        self._ours = True

    def run(self, jobs: Sequence[Job], *, at_once: int | None = None) -> Iterator[Job | Lost | Outcome]:
        """Run ``jobs`` on the nodes, ``at_once`` or twice as many as it has cores on any one of them.

        No more are handed to Ray than that, however many wait here. What can only be judged on this machine is judged
        last.
        """
        yield from self._on_nodes([one for one in jobs if not one.here], at_once)
        yield from self._here.run([one for one in jobs if one.here], at_once=at_once)

    def _on_nodes(self, jobs: Sequence[Job], at_once: int | None) -> Iterator[Job | Lost | Outcome]:
        waiting = deque(_Errand(job) for job in jobs)
        under_way: dict[Any, _Errand] = {}
        placement = Placement(at_once)
        try:
            while waiting or under_way:
                placement.look(ray.nodes())
                yield from self._send(waiting, under_way, placement)
                yield from _unplaceable(under_way, placement)
                if not under_way:
                    continue
                ended, _ = ray.wait(list(under_way), num_returns=1, timeout=LOOK_SECONDS)
                for reference in ended:
                    errand = under_way.pop(reference)
                    event = _heard(reference, errand, placement)
                    if not isinstance(event, Outcome):
                        waiting.appendleft(errand)
                    if event is not None:
                        yield event
        finally:
            for reference in under_way:
                with contextlib.suppress(exceptions.RayError):
                    ray.cancel(reference, force=True)

    def _send(
        self, waiting: deque[_Errand], under_way: dict[Any, _Errand], placement: Placement
    ) -> Iterator[Job | Outcome]:
        """Hand out what waits while nodes have room; what no node can take is given up with the reason."""
        for _ in range(len(waiting)):
            if not placement.has_room:
                return
            errand = waiting.popleft()
            if why := placement.why_nowhere(errand.job, errand.refused):
                yield _given_up(errand, why)
                continue
            node = placement.choose(errand.job, errand.refused, errand.avoided)
            if node is None:
                waiting.append(errand)  # every node that may take it is busy; another job may find room
                continue
            if not errand.has_started:
                yield errand.job
            errand.node = node
            reference = self._judge.options(
                **as_ray_counts(errand.job.resources),
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
            ).remote(errand_for(errand.job, quiet=self._quiet))
            under_way[reference] = errand


def _heard(reference: Any, errand: _Errand, placement: Placement) -> Lost | Outcome | None:
    """What came of an attempt: its outcome, that it was lost, or None where the node must not judge it."""
    node = errand.node
    assert node is not None  # noqa: S101 - it was sent to one
    placement.release(node)
    try:
        answer: Answer = ray.get(reference)
    except exceptions.OutOfMemoryError:
        said = f"node {node.name} ran out of memory while it ran; ask for more with --resources"
        return _unjudged(errand.job, "memory", said)
    except exceptions.RayTaskError as error:
        errand.refused[node.id] = f"node {node.name}: {type(error.cause).__name__}: {error.cause}"
        return None
    except exceptions.RayError as error:
        return _lost(errand, node, error)
    if answer.outcome is None:
        errand.refused[node.id] = f"node {node.name}: {answer.refused}"
        return None
    return answer.outcome


def _lost(errand: _Errand, node: Node, error: exceptions.RayError) -> Lost | Outcome:
    why = f"{node.name} ({type(error).__name__})"
    errand.lost.append(why)
    errand.avoided[node.id] = why
    if len(errand.lost) < ATTEMPTS:
        return Lost(errand.job, f"it was lost with node {why} and is run again")
    said = (
        f"it was lost {len(errand.lost)} times, with the nodes {', '.join(errand.lost)}; see why they went, and "
        "validate again"
    )
    return _unjudged(errand.job, "crashed", said)


def _unplaceable(under_way: dict[Any, _Errand], placement: Placement) -> Iterator[Outcome]:
    """Give up what was handed out and can no longer run anywhere: Ray would let it wait for ever."""
    for reference, errand in list(under_way.items()):
        why = placement.why_nowhere(errand.job, errand.refused)
        if why and errand.node is not None and not placement.is_alive(errand.node):
            del under_way[reference]
            placement.release(errand.node)
            with contextlib.suppress(exceptions.RayError):
                ray.cancel(reference, force=True)
            yield _given_up(errand, why)


def _given_up(errand: _Errand, why: str) -> Outcome:
    """What no node can judge could not be run, and the exit code has to say so: it is not that something was absent."""
    lost = f"; it was lost before with {', '.join(errand.lost)}" if errand.lost else ""
    return _unjudged(errand.job, "crashed", why + lost)


def _unjudged(job: Job, cause: Cause, said: str) -> Outcome:
    return Outcome(job, (), cause, said, 0.0)

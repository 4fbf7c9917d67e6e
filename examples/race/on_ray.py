"""``python -m examples.race.on_ray FOLDER``: the smoke race through Ray Tune, on two Ray nodes of one CPU each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from examples.race.__main__ import write_race

NODES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the nodes, run the race on them, stop them; the exit code of ``contract race run``."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0].startswith("-"):
        print("usage: python -m examples.race.on_ray FOLDER [OPTIONS OF contract race run]", file=sys.stderr)
        return 4
    from falsifiable.cli import run

    folder = Path(given[0])
    race = write_race(folder)
    with two_nodes():
        return run(["race", "run", str(race), "--output", str(folder), "--engine", "ray", "--probe", *given[1:]])


@contextmanager
def two_nodes() -> Iterator[None]:
    """A Ray cluster of two nodes on this machine, to which this process is connected."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())

"""The same plan on a cluster of nodes: the same verdicts, each once, also where a node is killed meanwhile."""

from __future__ import annotations

import json
import os
import textwrap
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from falsifiable.contracts.signature import CheckSignature
from falsifiable.validation.executor import LocalExecutor, Lost
from falsifiable.validation.results import COULD_NOT_RUN
from falsifiable.validation.workers import Job, Outcome

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CHECKS = textwrap.dedent('''
    """Checks whose verdict is known beforehand, and one that takes its time."""
    import os, time
    from pathlib import Path
    from falsifiable import Verdict, falsifier

    @falsifier("clustered.number")
    def number(*, number: int, folder: str) -> Verdict:
        """Every third is falsified; says in a file of its own that it ran."""
        (Path(folder) / f"{number}-{os.getpid()}").touch()
        time.sleep(0.4)
        return Verdict.of(number % 3 != 0, examined=1, found=f"number {number}")

    @falsifier("clustered.endless")
    def endless(*, number: int, folder: str) -> Verdict:
        """Takes its node with it, by way of a file that the test looks for."""
        (Path(folder) / f"{number}-{os.getpid()}").touch()
        time.sleep(600)
        return Verdict.of(True, examined=1)

    @falsifier("clustered.fells")
    def fells(*, number: int, folder: str) -> Verdict:
        """Kills the process of the cluster that judges it, the parent of its fork server, and would hold otherwise."""
        if len(list(Path(folder).iterdir())) < number:
            (Path(folder) / str(os.getpid())).touch()
            stat = Path(f"/proc/{os.getppid()}/stat").read_text()
            os.kill(int(stat.rpartition(")")[2].split()[1]), 9)
            time.sleep(60)
        return Verdict.of(True, examined=1)

    @falsifier("clustered.device")
    def device(*, number: int, folder: str) -> Verdict:
        """Says which devices it was shown."""
        return Verdict.of(True, examined=1, found=os.environ.get("CUDA_VISIBLE_DEVICES", "unset"))
''')


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[object]:
    """A head that judges nothing and two nodes of two cores, which find the checks above."""
    (tmp_path / "clustered.py").write_text(CHECKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            made.nodes = [made.add_node(num_cpus=2, resources={f"number{one}": 2}) for one in range(2)]
            made.wait_for_nodes()
            ray.init(address=made.address, log_to_driver=False)
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


def job(number: int, folder: Path, check: str = "number", **others: object) -> Job:
    from falsifiable.contracts.signature import Parameter

    parameters = {
        "number": Parameter("number", "integer", required=True),
        "folder": Parameter("folder", "text", required=True),
    }
    signature = CheckSignature(f"clustered.{check}", "", "clustered", "clustered", parameters=parameters)
    message = {
        "signature": asdict(signature),
        "roles": {},
        "artifacts": {},
        "parameters": {"number": number, "folder": str(folder)},
        "specimen": False,
        "root": "/nowhere",
    }
    made = Job(f"{check} {number}", (), message, 60.0, 1 << 28, resources={"cpu": 1.0})
    return replace(made, **others)


def outcomes(events: list[object]) -> dict[str, tuple[object, ...]]:
    ended = [one for one in events if isinstance(one, Outcome)]
    assert max(Counter(one.job.id for one in ended).values()) == 1
    return {one.job.id: (one.cause, *(report["verdict"]["outcome"] for report in one.reports)) for one in ended}


def test_a_node_killed_meanwhile_loses_no_verdict_and_duplicates_none(cluster, tmp_path):
    from falsifiable.validation.ray_executor import RayExecutor

    ran = tmp_path / "ran"
    ran.mkdir()
    jobs = [job(number, ran) for number in range(24)]
    with LocalExecutor() as local:
        expected = outcomes(list(local.run(jobs, at_once=8)))
    heard = []
    with RayExecutor() as executor:
        for event in executor.run(jobs):
            heard.append(event)
            if sum(isinstance(one, Outcome) for one in heard) == 4 and len(cluster.nodes) == 2:
                cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)
    assert outcomes(heard) == expected
    assert Counter(expected.values()) == {("", "held"): 16, ("", "falsified"): 8}
    assert any(isinstance(one, Lost) for one in heard)
    assert sum(isinstance(one, Job) for one in heard) == len(jobs)


def test_a_job_that_is_lost_again_and_again_is_inconclusive_and_says_where(cluster, tmp_path):
    from falsifiable.validation.ray_executor import RayExecutor

    ran = tmp_path / "ran"
    ran.mkdir()
    asked = job(0, ran, "endless", resources={"cpu": 1.0, "number1": 1.0})
    heard = []
    with RayExecutor() as executor:
        for event in executor.run([asked]):
            heard.append(event)
            if isinstance(event, Job):
                break_when_it_runs(cluster, ran)
    (outcome,) = (one for one in heard if isinstance(one, Outcome))
    assert (outcome.cause, outcome.reports) == ("crashed", ())
    assert "no node of the cluster offers cpu: 1, number1: 1" in outcome.said
    assert "lost before with" in outcome.said


def test_attempts_that_are_lost_are_bounded(cluster, tmp_path):
    from falsifiable.validation.ray_executor import ATTEMPTS, RayExecutor

    heard = []
    for times in (ATTEMPTS - 1, ATTEMPTS):
        ran = tmp_path / f"ran{times}"
        ran.mkdir()
        with RayExecutor() as executor:
            heard.append(list(executor.run([job(times, ran, "fells")])))
        assert len(list(ran.iterdir())) == times
    recovered, lost = heard
    assert [type(one) for one in recovered] == [Job, Lost, Lost, Outcome]
    assert outcomes(recovered) == {"fells 2": ("", "held")}
    assert [type(one) for one in lost] == [Job, Lost, Lost, Outcome]
    assert outcomes(lost) == {"fells 3": ("crashed",)}
    assert "it was lost 3 times, with the nodes" in lost[-1].said


def break_when_it_runs(cluster, ran: Path) -> None:
    def kill() -> None:
        while not any(ran.iterdir()):
            time.sleep(0.1)
        cluster.remove_node(cluster.nodes.pop(), allow_graceful=False)

    threading.Thread(target=kill).start()


def test_nodes_refuse_other_bytes_and_other_code_and_demands_that_none_can_meet_are_told(cluster, tmp_path):
    from falsifiable.validation.ray_executor import RayExecutor

    weights = tmp_path / "weights"
    weights.write_bytes(b"other bytes")
    jobs = [
        job(1, tmp_path, source_digest="0" * 64),
        job(2, tmp_path, files={str(tmp_path / "absent"): "0" * 64}),
        job(3, tmp_path, resources={"cpu": 1.0, "gpu": 1.0}),
        job(4, tmp_path, files={str(weights): ""}),
        job(5, tmp_path, "device"),
        job(6, tmp_path, here=True),
    ]
    with RayExecutor() as executor:
        found = {one.job.id: one for one in executor.run(jobs) if isinstance(one, Outcome)}
    assert "its code of check clustered.number is not that of the plan" in found["number 1"].said
    assert "cannot be read there: No such file" in found["number 2"].said
    assert {found[name].cause for name in ("number 1", "number 2", "number 3")} <= COULD_NOT_RUN
    assert "no node of the cluster offers cpu: 1, gpu: 1" in found["number 3"].said
    assert found["number 4"].reports[0]["verdict"]["outcome"] == "held"
    assert found["device 5"].reports[0]["verdict"]["found"] == ""
    assert found["number 6"].reports[0]["verdict"]["outcome"] == "falsified"


def test_what_breaks_on_every_node_could_not_be_run(cluster, tmp_path, monkeypatch):
    from falsifiable.validation import ray_executor

    def breaks(_errand: object) -> None:
        raise MemoryError("no room to read the catalogue")

    monkeypatch.setattr(ray_executor, "judge_here", breaks)
    with ray_executor.RayExecutor() as executor:
        (outcome,) = (one for one in executor.run([job(1, tmp_path)]) if isinstance(one, Outcome))
    assert outcome.cause in COULD_NOT_RUN
    assert outcome.said.count("MemoryError: no room to read the catalogue") == 2


def test_the_command_records_on_a_cluster_what_it_would_record_here_and_nothing_else_is_printed(shop, cluster):
    shop.environment["RAY_ADDRESS"] = cluster.address
    here = json.loads(shop.contract("validate", "--format", "json").stdout)
    shop.environment["FALSIFIABLE_CACHE"] += "-of-the-cluster"
    killed = threading.Timer(6, lambda: cluster.remove_node(cluster.nodes.pop(), allow_graceful=False))
    killed.start()
    done = shop.contract("validate", "--executor", "ray", "--record", "--format", "json")
    killed.join()
    assert done.returncode == 0, done.stderr
    assert "recorded shop: spec/shop/evidence/" in done.stderr
    there = json.loads(done.stdout)
    for one in (*here["contracts"][0]["judgements"], *there["contracts"][0]["judgements"]):
        del one["seconds"]
    assert there == here
    assert len(list((shop.root / "spec/shop/evidence").glob("*.json"))) == 1
    many = shop.contract("validate", "--executor", "ray", "--many", "run", "--format", "json")
    assert [one["outcome"] for one in json.loads(many.stdout)["items"]] == ["held"], many.stderr

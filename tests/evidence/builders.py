"""Small contracts, judgements and statements for the tests of evidence, status and spec."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from falsifiable.contracts import PolicyEntry, Signer, TrustPolicy, claim_digest, claims_digest
from falsifiable.contracts.model import ArtifactDeclaration, Contract, Criterion, FalsifierDeclaration
from falsifiable.evidence import Context, Environment, Membership, SigningKey, Statement, statement_of
from falsifiable.evidence.keys import public_text
from falsifiable.falsifier import Verdict
from falsifiable.status import JudgingCode
from falsifiable.validation.results import BoundArtifact, Challenge, ContractResult, Judgement, Observation

COMMIT = "c" * 40
HELD = Verdict.of(True, examined=(26, "tensors"), cosine=0.9999)
FALLEN = Verdict.of(False, found="tensor layers.0 differs", examined=(26, "tensors"), cosine=0.1)
UNBOUND = Verdict.inconclusive("role trained is not bound; name it in artifacts.yaml, or pass --artifact trained=PATH")
REFUTED = Challenge("one-tensor-too-few", "refuted", "specimen", "tensor output is missing")
CODE = JudgingCode({"vocabulary.fits-model": "5" * 64, "model.causal": "6" * 64}, semantics=1)
ON_CPU = Observation("run", "device", "equal to cuda", "cpu", "record", False)
ON_CUDA = Observation("run", "device", "equal to cuda", "cuda", "record", True)


def sha(character: str) -> str:
    return character * 64


def artifact(role: str = "trained", provenance: Any = "recorded", digest: str = sha("a")) -> BoundArtifact:
    return BoundArtifact(role, "model", f"runs/reference/{role}", digest, provenance, {"model.safetensors": digest})


def claim(name: str = "VOCABULARY-FITS", check: str = "vocabulary.fits-model", **more: Any) -> FalsifierDeclaration:
    return FalsifierDeclaration(
        id=name,
        claim=more.pop("claim", "Every id has a row"),
        check=check,
        on=more.pop("on", {"model": "trained"}),
        **more,
    )


def contract(name: str = "packaging", *claims: FalsifierDeclaration, **more: Any) -> Contract:
    roles = {"trained": "model", "run": "run", "trainer": "command"}
    return Contract(
        contract=name,
        version=more.pop("version", "1.0.0"),
        title="What a reader of the file needs",
        falsifiers=claims or (claim(),),
        spec=more.pop("spec", "ship"),
        artifacts={role: ArtifactDeclaration(kind) for role, kind in roles.items()},
        digest=sha("d"),
        **more,
    )


def on_cuda(name: str = "packaging", *claims: FalsifierDeclaration, **more: Any) -> Contract:
    return contract(name, *claims, discharge={"run": {"device": Criterion(equals="cuda")}}, **more)


def judgement(of: Contract, declaration: FalsifierDeclaration | None = None, **more: Any) -> Judgement:
    declared = declaration or of.falsifiers[0]
    return Judgement(
        contract=of.contract,
        falsifier=declared.id,
        check=declared.check,
        claim=declared.claim,
        **{
            "verdict": HELD,
            "challenges": (REFUTED,),
            "artifacts": (artifact(),),
            "parameters": dict(declared.parameters),
            "source_digest": CODE.source_digests[declared.check],
            "claim_digest": claim_digest(of, declared),
            **more,
        },
    )


def unbound(of: Contract, declaration: FalsifierDeclaration | None = None, **more: Any) -> Judgement:
    given = {"verdict": UNBOUND, "cause": "unbound", "on_specimen": HELD, "artifacts": (), **more}
    return judgement(of, declaration, **given)


def result(of: Contract, *judgements: Judgement, observations: tuple[Observation, ...] = ()) -> ContractResult:
    given = judgements or tuple(judgement(of, one) for one in of.falsifiers)
    return ContractResult(of.contract, of.version, of.digest, claims_digest(of), given, observations, COMMIT, "run-1")


def context(
    commit: str | None = COMMIT, trees: Mapping[str, str] | None = None, *, dirty: bool = False, semantics: int = 1
) -> Context:
    environment = Environment("3.11.2", "Linux x86_64", {"numpy": "2.4.6"})
    return Context(commit, {"contracts": "e" * 40} if trees is None else trees, dirty, environment, semantics)


def statement(of: Contract, *judgements: Judgement, supersedes: tuple[str, ...] = (), **more: Any) -> Statement:
    observations = more.pop("observations", ())
    made = statement_of(
        result(of, *judgements, observations=observations),
        more.pop("context", context()),
        contract_file=f"contracts/{of.contract}.yaml",
        supersedes=supersedes,
    )
    return replace(made, **more)


def a_key(name: str = "ci") -> SigningKey:
    """The key of somebody, the same each time."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return SigningKey(private.public_key().public_bytes_raw(), private)


def a_policy(evidence: Sequence[str] = ("ci",), review: Sequence[str] = ("alice",), *known: str) -> TrustPolicy:
    """A policy that lets these sign for the spec ``ship``; ``known`` have keys and may sign nothing."""
    names = dict.fromkeys((*evidence, *review, *known))
    signers = {name: Signer(public_text(a_key(name).public)) for name in names}
    return TrustPolicy(signers, {"ship": PolicyEntry(tuple(evidence), tuple(review))})


def as_yaml(policy: TrustPolicy) -> str:
    """The file that says it."""
    signers = "".join(f'  {name}: {{key: "{one.key}"}}\n' for name, one in policy.signers.items())
    specs = "".join(
        f'  "{spec}": {{evidence: [{", ".join(one.evidence)}], review: [{", ".join(one.review)}]}}\n'
        for spec, one in policy.specs.items()
    )
    return f"signers:\n{signers}specs:\n{specs}"


class Everywhere:
    """A history that every commit is part of."""

    def membership(self, commit: str, trees: Mapping[str, str]) -> Membership:
        return Membership("yes")


class Nowhere:
    """A history that no commit is part of, or of which that cannot be seen."""

    def __init__(self, counts: Any = "no") -> None:
        self.counts = counts

    def membership(self, commit: str, trees: Mapping[str, str]) -> Membership:
        return Membership(self.counts, f"commit {commit[:12]} cannot be found")


def git(folder: Path, *arguments: str) -> str:
    identity = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit_all(folder: Path, message: str = "change") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def a_repository(folder: Path) -> Path:
    (folder / "contracts").mkdir(parents=True)
    (folder / "contracts" / "packaging.yaml").write_text("contract: packaging\n")
    git(folder, "init", "-q")
    commit_all(folder, "begin")
    return folder

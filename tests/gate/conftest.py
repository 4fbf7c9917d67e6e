"""A workspace whose evidence is recorded, signed and merged, for changes to be made to: each test gets a copy."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from falsifiable.evidence import evidence_folder, generate_key, read_evidence, write_signature
from falsifiable.evidence.keys import SigningKey, public_text
from falsifiable.samples import write_specimens
from tests.conftest import Shop

CHECKS = '''
    """Two checks of this workspace, so that a change can weaken them."""
    from falsifiable import Criterion, Model, Run, Verdict, falsifier

    @falsifier("shop.large-enough")
    def large_enough(model: Model, *, parameters: Criterion = Criterion(at_least=10)) -> Verdict:
        """The model has enough parameters."""
        return Verdict.of(parameters.holds(model.parameters), parameters=model.parameters)

    @large_enough.counterexample
    def empty(model):
        for name in list(model.tensors):
            model = model.without_tensor(name)
        return model

    @large_enough.counterexample
    def hollow(model):
        for name in list(model.tensors):
            model = model.without_tensor(name)
        return model

    @falsifier("shop.present")
    def present(model: Model) -> Verdict:
        """The model has an embedding."""
        return Verdict.of(model.embedding_rows is not None, found="no embedding", examined=(1, "model"))

    @present.counterexample
    def without_embedding(model):
        return model.without_tensor("token_embedding")
'''

SHOP = """\
contract: shop
version: 1.0.0
title: What the shop sells
spec: shop
requires: [stall]
artifacts:
  trained: {kind: model}
  pretrained: {kind: model}
  tokenizer: {kind: tokenizer}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-SHOP-001
    claim: Every id the tokenizer can emit has an embedding row
    check: vocabulary.fits-model
    on: {tokenizer: tokenizer, model: trained}
  - id: FALSIFY-SHOP-002
    claim: Every weight is a finite number
    check: weights.finite
    on: {model: trained}
  - id: FALSIFY-SHOP-003
    claim: The hidden size is that of the specimen
    check: field
    on: {model: trained}
    with: {path: hidden_size, criterion: {at_least: 56}}
  - id: FALSIFY-SHOP-004
    claim: The model is large
    check: shop.large-enough
    on: {model: trained}
  - id: FALSIFY-SHOP-005
    claim: The checkpoint that the fine-tune started from is finite
    check: weights.finite
    on: {model: pretrained}
discharge:
  run: {device: cpu, steps: {at_least: 1}, seed: {one_of: [0, 1, 2]}}
"""

STALL = """\
contract: stall
version: 1.0.0
title: What the shop stands on
spec: shop
artifacts:
  trained: {kind: model}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-STALL-001
    claim: The model has an embedding
    check: shop.present
    on: {model: trained}
discharge:
  run: {device: cpu}
"""

FALLEN = """\
contract: fallen
version: 1.0.0
title: What is not so
spec: shop
artifacts:
  trained: {kind: model}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-FALLEN-001
    claim: The hidden size is a thousand
    check: field
    on: {model: trained}
    with: {path: hidden_size, criterion: {equals: 1000}}
"""

UNSEEN = """\
contract: unseen
version: 1.0.0
title: What nobody has recorded yet
spec: shop
artifacts:
  trained: {kind: model}
  run: {kind: run}
falsifiers:
  - id: FALSIFY-UNSEEN-001
    claim: Every weight is a finite number
    check: weights.finite
    on: {model: trained}
  - id: FALSIFY-UNSEEN-002
    claim: The logged loss is not one constant
    check: run.loss-varies
    on: {run: run}
discharge:
  run: {device: cpu}
"""

SHIP = """\
ship: shop
deliverables:
  goods:
    title: What is sold
    criteria:
      - {id: AC-SHOP-001, text: It fits, points: 2, falsifiers: [FALSIFY-SHOP-001, FALSIFY-SHOP-002]}
      - id: AC-SHOP-002
        text: Nobody has seen it
        points: 6
        falsifiers: [FALSIFY-UNSEEN-001]
      - id: AC-SHOP-003
        text: It is large, whatever the seed
        points: 2
        falsifiers: [FALSIFY-SHOP-003, FALSIFY-SHOP-004]
        quorum: {at_least: 2, distinct: run.seed}
        tripwires:
          - {falsifier: FALSIFY-SHOP-004, measurement: parameters, when: {above: 1000000000}, why: no specimen is}
roadmap:
  - {step: look, title: Somebody looks, done_when: [FALSIFY-UNSEEN-001], earns: [AC-SHOP-002], hours: 2}
waivers:
  - {criterion: AC-SHOP-003, owner: a tester, reason: one seed is all there is, expires: 2999-12-31}
"""

SPEC = """\
# The shop

<!-- contract:version -->
<!-- /contract:version -->

<!-- contract:scoreboard -->
<!-- /contract:scoreboard -->

<!-- contract:ship -->
<!-- /contract:ship -->

Prose that nobody touches.

<!-- contract:amendments -->
<!-- /contract:amendments -->
"""

ARTIFACTS = """\
trained: run/finetuned
pretrained: run/pretrained
tokenizer: run/finetuned/tokenizer.json
run: run
"""

TRUST = """\
signers:
  ci: {{key: "{ci}"}}
  alice: {{key: "{alice}"}}
specs:
  shop: {{evidence: [ci], review: [alice]}}
"""

AMENDMENT = """\
---
amendment: {title}
created: 2026-11-21T17:50:00Z
bump: {bump}
contracts: {{{contracts}}}
finding: What was found.
five_whys: [It was so., It was so., It was so., It was so., It was so.]
net_effect: It is otherwise now.
---
"""


@dataclass
class Vault(Shop):
    """A :class:`Shop` with keys, a trust policy and a ship file; what is recorded is merged at ``base``."""

    keys: dict[str, SigningKey] = field(default_factory=dict)
    base: str = ""

    def gate(self, *arguments: str) -> tuple[int, dict]:
        """The exit code and the decision of ``contract gate --base BASE``."""
        done = self.contract("gate", "--base", self.base, "--format", "json", *arguments)
        assert done.stdout.startswith("{"), done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)

    def record(self, *contracts: str, signer: str | None = "ci", regions: bool = True) -> None:
        """Record evidence and sign what is new; the regions follow."""
        known = set(self.statements())
        done = self.contract("record", *(["--regions"] if regions else []), *contracts)
        assert "recorded" in done.stdout, done.stdout + done.stderr
        if signer:
            self.sign(signer, *(set(self.statements()) - known))

    def sign(self, signer: str, *digests: str) -> None:
        """Sign statements with the key of ``signer``."""
        known = self.statements()
        for digest in digests:
            write_signature(evidence_folder(self.root, "shop"), known[digest].data, self.keys[signer])

    def statements(self) -> dict:
        """The statements that are there, by sha256."""
        return {one.sha256: one for one in read_evidence(evidence_folder(self.root, "shop")).statements}

    def statement_of(self, contract: str):
        """The one statement about ``contract``."""
        return next(one for one in self.statements().values() if one.contract == contract)

    def amend(self, title: str, *, bump: str = "major", **contracts: str) -> Path:
        """Write a pending amendment that names ``contracts``."""
        slug = "-".join(title.lower().split())
        path = self.root / f"spec/shop/amendments/20261121T175000Z-{slug}-{len(title):08x}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        named = ", ".join(f"{name}: {moved}" for name, moved in contracts.items())
        path.write_text(AMENDMENT.format(title=title, bump=bump, contracts=named))
        return path


def build(root: Path) -> Vault:
    """The workspace in which every change starts."""
    vault = Vault(root)
    root.mkdir()
    write_specimens(root)
    vault.environment["FALSIFIABLE_CACHE"] = str(root.parent / "cache")
    vault.keys = {name: generate_key() for name in ("ci", "alice", "mallory")}
    public = {name: public_text(key.public) for name, key in vault.keys.items()}
    files = {
        "contracts/shop.yaml": SHOP,
        "contracts/stall.yaml": STALL,
        "contracts/fallen.yaml": FALLEN,
        "contracts/unseen.yaml": UNSEEN,
        "artifacts.yaml": ARTIFACTS,
        "trust.yaml": TRUST.format(**public),
        "spec/shop/spec.md": SPEC,
        "spec/shop/ship.yaml": SHIP,
        ".gitignore": "run/\nencoder/\n__pycache__/\n",
    }
    for relative, content in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    vault.plugin(CHECKS)
    vault.git("init", "--quiet", "--initial-branch", "main")
    vault.git("config", "user.name", "A. Tester")
    vault.git("config", "user.email", "tester@example.org")
    vault.commit("the shop opens")
    vault.record("shop", "stall", "fallen")
    vault.amend("the first", bump="minor")
    vault.commit("the evidence")
    done = vault.contract("amend", "release", "--spec", "shop")
    assert done.returncode == 0, done.stdout + done.stderr
    vault.base = vault.commit("the first release")
    return vault


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """The workspace itself: nobody changes it."""
    return build(tmp_path_factory.mktemp("gate") / "shop")


@pytest.fixture
def vault(built: Vault, tmp_path: Path) -> Vault:
    """A copy of the workspace, to change."""
    root = tmp_path / "shop"
    shutil.copytree(built.root, root, symlinks=True)
    copy = Vault(root, dict(built.environment), built.keys, built.base)
    copy.environment["PYTHONPATH"] = copy.environment["PYTHONPATH"].replace(str(built.root), str(root))
    return copy

"""``contract challenge``: a falsifier that cannot fail is found, and its verdict counts for nothing."""

from __future__ import annotations

import json

ALWAYS = '''
    """A check that always holds, whatever it is shown."""
    from falsifiable import Verdict, falsifier

    @falsifier("shop.always")
    def always(*, subject: str = "anything") -> Verdict:
        """Holds."""
        return Verdict.of(True, examined=1)

    @always.counterexample
    def something_wrong():
        return {"subject": "broken"}
'''


def test_shipped_falsifiers_refute_all_their_counterexamples(shop):
    done = shop.contract("challenge")
    assert done.returncode == 0, done.stdout
    assert "0 falsifiers vacuous" in done.stdout


def test_it_needs_no_artifact(shop):
    (shop.root / "artifacts.yaml").unlink()
    assert shop.contract("challenge").returncode == 0


def test_a_check_that_always_holds_is_vacuous_and_earns_nothing(shop):
    shop.plugin(ALWAYS)
    shop.add_falsifier("FALSIFY-SHOP-009", "shop.always")
    done = shop.contract("challenge")
    assert done.returncode == 1
    assert "VACUOUS  FALSIFY-SHOP-009" in done.stdout
    assert "something-wrong (bound): survived" in done.stdout
    validated = shop.contract("validate")
    assert "VACUOUS FALSIFY-SHOP-009" in validated.stdout
    assert shop.contract("validate", "--strict").returncode == 3
    statuses = {
        one["falsifier"]: one["local"]
        for one in json.loads(shop.contract("status", "--format", "json").stdout)[0]["falsifiers"]
    }
    assert statuses["FALSIFY-SHOP-009"]["status"] == "PROPOSED"

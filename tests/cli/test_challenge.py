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


# Generic mutations


def challenged(shop, *arguments):
    """The mutations of the shop's artifacts by kind and name, and the whole report."""
    done = shop.contract("challenge", "--format", "json", *arguments)
    report = json.loads(done.stdout)["mutations"]
    by_kind = {one["kind"]: {each["name"]: each for each in one["mutations"]} for one in report["artifacts"]}
    return by_kind, report


def test_what_killed_what_and_what_nobody_guards(shop):
    mutations, report = challenged(shop)

    assert mutations["model"]["value-not-a-number"]["fates"] == {
        "shop/FALSIFY-SHOP-001": "survived",
        "shop/FALSIFY-SHOP-002": "killed",
        "shop/FALSIFY-SHOP-003": "survived",
    }
    assert "NaN" in mutations["model"]["value-not-a-number"]["said"]["shop/FALSIFY-SHOP-002"]
    assert set(mutations["model"]["hidden-size-changed"]["fates"].values()) == {"survived", "killed"}
    assert "killed" not in mutations["model"]["matrix-scaled"]["fates"].values()
    assert report["contracts"]["shop"]["killed"] == report["killed"] > 0
    said = shop.contract("challenge").stdout
    assert "matrix-scaled: a matrix twice as large. Claim that nobody holds: " in said


def test_a_reason_is_shown_and_kills_nothing(shop):
    _, before = challenged(shop)
    contract = shop.root / "contracts/shop.yaml"
    contract.write_text(contract.read_text() + "unguarded: {trained: {matrix-scaled: the shop sells no loss}}\n")
    mutations, after = challenged(shop)

    assert mutations["model"]["matrix-scaled"]["accepted"] == "the shop sells no loss"
    assert (after["killed"], after["explained"]) == (before["killed"], 1)
    assert "explained: the shop sells no loss" in shop.contract("challenge").stdout


def test_a_reason_for_what_no_mutation_is_called_is_named(shop):
    contract = shop.root / "contracts/shop.yaml"
    contract.write_text(contract.read_text() + "unguarded: {trained: {matrix-scalded: it is hot}}\n")
    done = shop.contract("challenge", "--specimens", "--at-least", "0")

    assert "shop/trained/matrix-scalded is explained, and no mutation is called so" in done.stdout
    assert done.returncode == 1


def test_too_small_a_share_or_a_survivor_without_a_reason_fails(shop):
    assert shop.contract("challenge").returncode == 0
    assert shop.contract("challenge", "--at-least", "0.95").returncode == 1
    assert shop.contract("challenge", "--at-least", "0").returncode == 1


def test_the_specimens_stand_for_what_is_bound_when_asked(shop):
    bound, _ = challenged(shop)
    unbound, report = challenged(shop, "--specimens")
    labels = {one["label"] for one in report["artifacts"]}

    assert labels == {"specimen trained", "specimen tokenizer"}
    assert {name for name, one in unbound["model"].items() if "killed" in one["fates"].values()} == {
        name for name, one in bound["model"].items() if "killed" in one["fates"].values()
    }


def test_whoever_compares_copies_is_left_out_declared_or_found_out(shop):
    for number, check, on, parameters in (
        (4, "record.names-these-bytes", "{run: run, model: trained}", "{}"),
        (5, "field", "{run: run}", "{path: run_id, criterion: {equals: 00000000-0000-4000-8000-000000000000}}"),
    ):
        shop.edit(
            "contracts/shop.yaml", "  - id: FALSIFY-SHOP-001",
            f"  - {{id: FALSIFY-SHOP-00{number}, claim: It is the one, check: {check}, on: {on}, with: {parameters}}}\n"
            "  - id: FALSIFY-SHOP-001",
        )  # fmt: skip
    shop.plugin('''
        """A check that compares a digest and does not say so."""
        from falsifiable import Model, Verdict, falsifier

        @falsifier("shop.pinned")
        def pinned(model: Model) -> Verdict:
            """The file is the one that was pinned."""
            return Verdict.of(not model.digest.startswith("mutant"), examined=1)

        @pinned.counterexample
        def another_file(model: Model) -> Model:
            return model.with_metadata(note="edited")
    ''')
    shop.edit(
        "contracts/shop.yaml", "  - id: FALSIFY-SHOP-001",
        "  - {id: FALSIFY-SHOP-006, claim: It is pinned, check: shop.pinned, on: {model: trained}}\n"
        "  - id: FALSIFY-SHOP-001",
    )  # fmt: skip
    mutations, report = challenged(shop)

    assert set(report["left_out"]) == {"shop/FALSIFY-SHOP-004", "shop/FALSIFY-SHOP-006"}
    assert "other bytes" in report["left_out"]["shop/FALSIFY-SHOP-006"]
    assert "killed" not in mutations["model"]["matrix-scaled"]["fates"].values()
    assert mutations["run"]["run-id-removed"]["fates"]["shop/FALSIFY-SHOP-005"] == "killed"


def test_a_vacuous_falsifier_kills_nothing(shop):
    shop.plugin('''
        """A check that notices much and ships a counterexample that it lets through."""
        from falsifiable import Model, Verdict, falsifier

        @falsifier("shop.tidy")
        def tidy(model: Model) -> Verdict:
            """The largest matrix is not scaled."""
            return Verdict.of(model.config.hidden_size == 56, examined=1)

        @tidy.counterexample
        def a_note(model: Model) -> Model:
            return model.with_metadata(note="edited")
    ''')
    shop.edit("contracts/shop.yaml", "    check: field\n", "    check: shop.tidy\n")
    shop.edit("contracts/shop.yaml", "    with: {path: hidden_size, criterion: {equals: 56}}\n", "")
    mutations, report = challenged(shop)

    assert "vacuous" in report["left_out"]["shop/FALSIFY-SHOP-003"]
    assert "killed" not in mutations["model"]["hidden-size-changed"]["fates"].values()


def test_a_heavy_falsifier_is_asked_about_survivors_unless_the_whole_matrix_is_wanted(shop):
    shop.edit(
        "contracts/shop.yaml", "  - id: FALSIFY-SHOP-001",
        "  - {id: FALSIFY-SHOP-007, claim: It computes, check: attention.grouped-query-forward, on: {model: trained}}\n"
        "  - id: FALSIFY-SHOP-001",
    )  # fmt: skip
    sparing, _ = challenged(shop)
    whole, _ = challenged(shop, "--matrix")

    assert sparing["model"]["value-not-a-number"]["fates"]["shop/FALSIFY-SHOP-007"] == "not asked"
    assert whole["model"]["value-not-a-number"]["fates"]["shop/FALSIFY-SHOP-007"] != "not asked"
    assert sparing["model"]["matrix-scaled"]["fates"] == whole["model"]["matrix-scaled"]["fates"]


def test_what_was_said_of_known_bytes_is_not_asked_again(shop):
    first, _ = challenged(shop)
    shop.contract("cache", "info")
    kept = json.loads(shop.contract("cache", "info", "--format", "json").stdout)["rooms"]["mutants"]["entries"]
    second, _ = challenged(shop)

    assert kept == 4  # three falsifiers, one of which reads two artifacts
    assert first == second
    after = json.loads(shop.contract("cache", "info", "--format", "json").stdout)["rooms"]["mutants"]["entries"]
    assert after == kept


def test_the_matrix_says_what_does_not_apply_and_why(shop):
    said = shop.contract("challenge", "--matrix").stdout

    assert "run/finetuned, a model: shop/trained" in said
    assert "value-not-a-number                  killed by FALSIFY-SHOP-002" in said
    assert "tokenizer-split-rule-removed        not applicable: the model names no rule that splits text" in said

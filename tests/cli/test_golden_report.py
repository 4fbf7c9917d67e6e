"""A whole text report of ``contract validate``, as a person reads it."""

from __future__ import annotations

from tests.golden.comparison import assert_golden


def test_a_report_with_one_of_each_outcome(shop):
    shop.edit("contracts/shop.yaml", "equals: 56", "equals: 57")
    shop.edit("artifacts.yaml", "tokenizer: run/finetuned/tokenizer.json", "tokenizer: run/there-is-none.json")
    done = shop.contract("validate", "--verbose")
    assert done.returncode == 1
    assert_golden("validate.txt", done.stdout, shop.root)

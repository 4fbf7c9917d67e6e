"""How a verdict reads in a test run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from falsifiable.testing.shown import falsified_text


@pytest.mark.parametrize(
    ("found", "first"), [("::error::injected", "found: ::error::injected"), ("", "found: it does not hold")]
)
def test_what_was_found_begins_no_line(found, first):
    verdict = SimpleNamespace(found=found, measurements=())
    judgement = SimpleNamespace(
        verdict=verdict, falsifier="FALSIFY-SHOP-001", contract="shop", check="field", claim="::notice::", artifacts=()
    )
    lines = falsified_text(judgement, SimpleNamespace(if_falsified=None), "contracts/shop.yaml:9").splitlines()
    assert lines[0] == first
    assert not [one for one in lines if one.startswith("::")]

"""``contract cache`` and ``contract limits``."""

from __future__ import annotations

import json

from falsifiable.artifacts.limits import DEFAULT_LIMITS
from falsifiable.validation.cache import Cache


def test_what_the_cache_holds_and_that_it_can_be_emptied(contract, tmp_path, monkeypatch):
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))
    Cache().put("verdicts", "aa", [1, 2])
    shown = contract("cache", "info")
    assert shown.code == 0
    assert str(tmp_path / "cache") in shown.out
    assert "verdicts            1 files" in shown.out
    rooms = json.loads(contract("cache", "info", "--format", "json").out)["rooms"]
    assert rooms["verdicts"] == {"entries": 1, "bytes": 6}
    assert contract("cache", "clear").out == f"{tmp_path / 'cache'}: 1 files removed\n"
    assert Cache().get("verdicts", "aa") is None


def test_what_could_not_be_removed_is_not_said_to_be(contract, tmp_path, monkeypatch):
    monkeypatch.setenv("FALSIFIABLE_CACHE", str(tmp_path / "cache"))
    Cache().put("verdicts", "aa", [1, 2])
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # a folder of somebody else; root may remove anything
    done = contract("cache", "clear")
    assert (done.code, done.out) == (2, f"{tmp_path / 'cache'}: 0 files removed\n")
    assert "1 files could not be removed" in done.err


def test_an_unknown_word_after_cache_is_wrong_usage(contract):
    done = contract("cache", "burn")
    assert done.code == 4
    assert "No such command 'burn'" in done.err


def test_every_limit_is_printed_with_its_unit_in_its_name(contract):
    limits = json.loads(contract("limits", "--format", "json").out)
    assert limits["artifacts"]["gguf_header_bytes"] == DEFAULT_LIMITS.gguf_header_bytes
    assert limits["contracts"]["max_nesting_depth"] == 32
    shown = contract("limits").out
    assert f"{DEFAULT_LIMITS.gguf_header_bytes:,}" in shown
    assert len(shown.splitlines()) == 2 + len(limits["artifacts"]) + len(limits["contracts"])

"""The site: it builds without a fault, shows everything the code has, and asks nobody else's server for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from falsifiable.cli import VERBS
from falsifiable.cli.manual.guides import guides, shipped_guides
from falsifiable.cli.manual.reference import REFERENCE, checks_reference, contracts_reference
from falsifiable.contracts import RULES
from falsifiable.status.gate.rules import GATE_RULES
from falsifiable.validation.catalogue import load_catalogue
from tests.docs.conftest import DOCS

ROOT = DOCS.parent
needs_mkdocs = pytest.mark.skipif(
    any(find_spec(one) is None for one in ("mkdocs", "material")),
    reason="mkdocs and mkdocs-material build the site; pip install --group docs",
)


def build(folder: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", config, "--site-dir", folder],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def anchors(site: Path, page: str) -> set[str]:
    return set(re.findall(r'<h\d id="([^"]+)"', (site / page / "index.html").read_text(encoding="utf-8")))


@needs_mkdocs
def test_everything_has_its_place(site: Path) -> None:
    assert anchors(site, "reference/rules") >= {*RULES, *GATE_RULES}
    assert anchors(site, "reference/verbs") >= {*VERBS, "evidence-sign", "race-gate"}
    assert anchors(site, "reference/checks") >= {
        name for name, one in load_catalogue().signatures.items() if one.module.startswith("falsifiers.")
    }
    assert anchors(site, "reference/formats") >= {"contract", "artifacts", "ship", "reports", "report"}
    assert all((site / one.removeprefix("docs/") / "index.html").is_file() for one in guides())
    assert not (site / "site").exists()
    assert not (site / "worked-example/artifacts.yaml").exists()


@needs_mkdocs
def test_no_page_asks_anybody_else(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)", text)
        loaded += [
            address
            for tag in re.findall(r"<link\b[^>]*>", text)
            if not re.search(r"rel=[\"']?(?:canonical|prev|next|edit)", tag)
            for address in re.findall(r"href=[\"']?([^\"'\s>]+)", tag)
        ]
        assert loaded
        assert [one for one in loaded if "//" in one] == []
        assert 'data-md-component="source"' not in text, "what asks GitHub for stars when the page is opened"


@needs_mkdocs
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[the plan](../nothing-there.md)", "neither a page nor a file"),
        ("[a rule](reference/rules.md#NO-SUCH-RULE)", "NO-SUCH-RULE"),
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, text: str, said: str) -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    config |= {"docs_dir": str(tmp_path / "docs"), "nav": ["index.md"], "hooks": [str(ROOT / "docs/site/hooks.py")]}
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# Home\n\n{text}\n")
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config))
    done = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


def test_every_page_stands_in_the_navigation_once() -> None:
    def listed(items: list[object]) -> list[str]:
        return [
            page
            for item in items
            for page in ([item] if isinstance(item, str) else [one for below in item.values() for one in listed(below)])  # type: ignore[attr-defined]
        ]

    nav = listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    pages = [f"{one.removeprefix('docs/')}.md" for one in guides()]
    assert sorted(nav) == sorted(["index.md", *pages, *REFERENCE])
    assert len(list(DOCS.rglob("*.md"))) > len(pages) + 1, "what the worked example works on is no page"


def test_the_reference_says_what_a_check_takes_and_where_its_number_comes_from() -> None:
    text = checks_reference()
    section = text.partition("### attention.grouped-query-forward ")[2].partition("\n### ")[0]
    assert "| `cosine` | criterion, default {at\\_least: 0.999} | what the lowest cosine over the positions" in section
    assert "0.999 is the reference contract's bound against the Hugging Face oracle" in section
    assert "forward-that-sees-the-future" in section


def test_the_reference_shows_the_threshold_of_a_claim() -> None:
    check = "attention.grouped-query-forward"
    assert f"[{check}](checks.md#{check}) | `cosine: {{at_least: 0.999}}`" in contracts_reference()


def test_the_guides_of_this_checkout_are_the_ones_that_are_printed() -> None:
    assert shipped_guides() == DOCS

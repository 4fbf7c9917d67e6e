"""``contract report --format html`` on the command line, and in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cli import harbour
from tests.finished_race import write_race
from tests.report.page.conftest import HOSTILE
from tests.report.page.reading import Reader, faults_of

MUTATION = {"name": "nan", "describes": "a NaN", "guards": "weights are numbers", "accepted": "", "said": {}}
MATRIX = {
    "killed": 1,
    "contracts": {"training": {"killed": 1, "applicable": 2}},
    "left_out": {"training/FALSIFY-TRAIN-002": "it compares copies"},
    "unknown_reasons": [],
    "artifacts": [
        {
            "label": HOSTILE,
            "kind": "model",
            "places": ["training/trained"],
            "mutations": [
                {**MUTATION, "fates": {"training/FALSIFY-TRAIN-001": "killed"}},
                {**MUTATION, "name": "zeros", "fates": {"training/FALSIFY-TRAIN-001": "survived"}},
            ],
            "not_applicable": {"merges-swapped": "it has no merges"},
        }
    ],
}


@pytest.fixture
def recorded(here: Path) -> Path:
    """The harbour with evidence: the training held twice, the packing fell; and a race and a matrix beside it."""
    root = harbour.build(here)
    harbour.record(root, "training", seed=1, largest=3.5)
    harbour.record(root, "training", seed=0, largest=3.5)
    harbour.record(root, "packing", fell="FALSIFY-PACK-901", largest=3.5)
    write_race(root / "race")
    (root / "matrix.json").write_text(json.dumps({"falsifiers": {}, "mutations": MATRIX}))
    return root


@pytest.fixture
def page(contract: Callable[..., Any], recorded: Path, specimens: dict[str, Path]) -> Path:
    """The page with everything on it."""
    given = ("--race", "race", "--packet", specimens["run"], "--mutations", "matrix.json")
    done = contract("report", "--format", "html", *given, "--output", "report.html")
    assert (done.code, done.out, done.err) == (0, "", "")
    return recorded / "report.html"


def test_everything_known_is_on_one_page_that_stands_alone(page: Path) -> None:
    text = page.read_text()
    read = Reader(text)

    assert faults_of(text) == []
    parts = (
        *("2 contracts: ", "1 FALSIFIED", "tensor 3 holds a NaN", "Race smoke", "Ship percentage of harbour"),
        "1 of 2 mutations of 1 artifact are noticed",
    )
    assert [one for one in parts if one not in read.text] == []
    assert len(read.with_class("band")) >= 6
    claims, steps = 2 + 5, 4 + 3  # contracts and criteria; steps, and the criteria that they earn
    assert len(read.with_class("node")) == claims + steps
    assert str(page.parent) not in text


def test_a_page_of_one_spec(contract: Callable[..., Any], recorded: Path) -> None:
    done = contract("report", "--format", "html", "--ship", "harbour")
    assert (done.code, done.err) == (0, "")
    assert faults_of(done.out) == []

    done = contract("report", "--format", "html", "--ship", "harbor")
    assert done.code == 4
    assert "harbour" in done.err


def test_the_same_workspace_gives_the_same_page(contract: Callable[..., Any], recorded: Path) -> None:
    pages = [contract("report", "--format", "html").out for _ in range(2)]

    assert pages[0] == pages[1]


def test_what_is_no_matrix_is_named(contract: Callable[..., Any], recorded: Path) -> None:
    (recorded / "matrix.json").write_text("[]")
    done = contract("report", "--format", "html", "--mutations", "matrix.json")

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "contract: matrix.json: the file is a list, expected an object; name a file made by: "
        "contract challenge --matrix --format json > matrix.json\n"
    )


@pytest.mark.parametrize("option", ["--race", "--mutations"])
def test_what_belongs_to_the_page_is_refused_elsewhere(
    contract: Callable[..., Any], recorded: Path, option: str
) -> None:
    done = contract("report", "--ship", "harbour", option, "matrix.json")

    assert done.code == 4
    assert f"{option} belongs to --format html" in done.err


@pytest.fixture
def browser() -> Iterator[Any]:
    """Chromium without a screen and without a network."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = (shutil.which(one) for one in ("chromium", "chromedriver"))
    if chromium is None or driver is None:
        pytest.skip("Chromium or its driver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for one in ("--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(one)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    started.set_script_timeout(120)
    _seen_as(started, width=1200, colours="light")
    yield started
    started.quit()


def _seen_as(browser: Any, *, width: int, colours: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [
        {"name": "prefers-color-scheme", "value": colours},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _counts(part: Any) -> tuple[int, int, str]:
    """How many items are shown, how many there are, and what the page says of that."""
    items = part.find_elements("css selector", ".item")
    shown = sum(one.get_property("hidden") is False for one in items)
    return shown, len(items), part.find_element("css selector", "output").get_property("textContent")


@pytest.mark.slow
def test_every_filter_and_every_button_works_and_nothing_is_logged(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    clicked = 0
    for part in browser.find_elements("css selector", ".filtered"):
        reset = part.find_element("css selector", "button.reset")
        noun = part.find_element("css selector", "form").get_attribute("data-noun")
        for toggle in part.find_elements("css selector", "button.toggle"):
            asked = int(toggle.find_element("css selector", ".tally").text.strip("()"))
            toggle.click()
            shown, every, said = _counts(part)
            assert (shown, said) == (asked, f"{asked} of {every} {noun}")
            assert toggle.get_attribute("aria-pressed") == "true"
            reset.click()
            assert _counts(part)[0] == every
            clicked += 1
        search = part.find_element("css selector", "input.search")
        search.send_keys("there is no such word")
        assert _counts(part)[0] == 0
        assert part.find_element("css selector", ".nothing").is_displayed()
        reset.click()
    assert clicked >= 10
    for button in browser.find_elements("css selector", "button.copy"):
        button.click()
    for link in browser.find_elements("css selector", "a[href^='#']:not(.skip)"):
        browser.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", link)
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_what_a_link_points_to_is_shown_whatever_is_filtered(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    toggle = browser.find_element("css selector", "#section-verdicts [data-value='falsified']")
    toggle.click()
    hidden = browser.find_element("css selector", "#section-verdicts .item[hidden]")

    browser.execute_script("location.hash = arguments[0].id", hidden)
    browser.execute_async_script("setTimeout(arguments[0], 100)")

    assert hidden.is_displayed()
    assert hidden.get_property("open") is True


@pytest.mark.slow
def test_the_keyboard_reaches_the_filters_first_thing_after_the_contents(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    contents = len(browser.find_elements("css selector", "nav a"))
    reached = []
    for _ in range(contents + 2):
        browser.switch_to.active_element.send_keys(keys.TAB)
        reached.append(browser.switch_to.active_element)

    assert [one.get_attribute("class") for one in (reached[0], reached[-1])] == ["skip", "toggle"]
    reached[-1].send_keys(keys.SPACE)
    assert reached[-1].get_attribute("aria-pressed") == "true"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "colours"), [(1200, "light"), (1200, "dark"), (360, "light"), (360, "dark")])
def test_axe_finds_nothing(browser: Any, page: Path, width: int, colours: str) -> None:
    """Axe-core, as a Python package carries it."""
    axe = find_spec("selenium_axe_python")
    if axe is None or axe.origin is None:
        pytest.skip("selenium-axe-python, which carries axe-core, is not installed")
    _seen_as(browser, width=width, colours=colours)
    browser.get(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    browser.execute_script((Path(axe.origin).parent / "axe-core" / "axe.min.js").read_text())
    found = browser.execute_async_script("axe.run(document).then(arguments[0])")

    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width

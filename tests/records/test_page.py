"""The HTML leaderboard: what is in it, and how it behaves in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Quick
from tests.records.test_leaderboard import on
from tests.records.test_seeds import record
from umcl_bench.progress import Reporter
from umcl_bench.records.html import to_html
from umcl_bench.records.seeds import boards
from umcl_bench.records.store import Store
from umcl_bench.records.summary import summaries

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
HOSTILE = '<img src=x onerror="window.hacked=1"></script>{{ 7 * 7 }}'


def fill(store: Store) -> Store:
    on(store, "zeroshot", ("umcl", 1, 1.5), ("umcl", 2, 1.5), ("clip", 3, 1.0), ("random", 4, 0.0))
    on(store, "retrieval", ("umcl", 1, 1.2), ("clip", 3, 1.1))
    on(store, "zeroshot", ("umcl", 1, 1.4), source="hospital")
    return store


def page_of(store: Store, *, average: bool = False) -> str:
    found = boards(store.records(Reporter()))
    return to_html(found, summaries(found, average=average))


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    text = page_of(fill(Store(tmp_path)))
    assert {of[:5] for of in re.findall(r"""(?:src|href)=["']([^"']*)""", text)} == {"data:"}
    assert not re.findall(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text
    assert text.count('<section class="board"') == 3
    assert text.count("<svg") == 6
    assert "not run" in text


def test_what_records_say_is_escaped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    about, parts = record("umcl", 1, 1.0)
    about["command"] = about["model"]["name"] = HOSTILE
    store.add("run", about, parts)
    text = page_of(store)
    assert "<img" not in text
    assert "{{ 7 * 7 }}" in text  # as it was written, not worked out
    how = json.loads(text.partition('id="how">')[2].partition("</script>")[0])
    assert how[0][0]["runs"][0]["command"] == HOSTILE


def test_the_command_writes_it(quick: Quick, tmp_path: Path) -> None:
    fill(Store(tmp_path / "runs"))
    code, _, err = quick(
        "leaderboard", "--format", "html", "--average", "--source", "phantom", "-o", str(tmp_path / "p")
    )
    assert code == 0, err
    text = (tmp_path / "p").read_text(encoding="utf-8")
    assert "mean macro AUROC of 2" in text
    assert "hospital" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("no chromium with its chromedriver is installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1300,900",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(page_of(fill(Store(folder)), average=True), encoding="utf-8")
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.get((folder / "page.html").as_uri())
        yield driver
    finally:
        driver.quit()


def models(browser: Chrome, board: int) -> list[str]:
    """The models of a board that can be seen, in their order."""
    script = "return [...document.querySelectorAll('section.board')[arguments[0]].querySelectorAll('tbody tr')]"
    found: list[str] = browser.execute_script(
        f"{script}.filter((row) => row.getClientRects().length).map((row) => row.dataset.model)", board
    )
    return found


def choose(browser: Chrome, name: str, value: str) -> None:
    script = "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
    browser.execute_script(f"{script} e.dispatchEvent(new Event('input', {{bubbles: true}}))", name, value)


def one(browser: Chrome, css: str) -> Any:
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, css)


ZEROSHOT = 1  # of the phantom's retrieval and zeroshot, and the hospital's zeroshot


def heading_of(browser: Chrome, text: str) -> WebElement:
    buttons = "[...document.querySelectorAll('section.board')[arguments[0]].querySelectorAll('th button')]"
    script = f"return {buttons}.find((button) => button.textContent === arguments[1])"
    found: WebElement = browser.execute_script(script, ZEROSHOT, text)
    return found


def test_a_heading_sorts_by_mouse_and_by_keyboard(browser: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    heading = heading_of(browser, "macro AUROC")
    assert models(browser, ZEROSHOT) == ["umcl", "clip", "random"]
    heading.click()
    assert heading.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    assert models(browser, ZEROSHOT) == ["umcl", "clip", "random"]
    heading.send_keys(Keys.ENTER)
    assert heading.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    assert models(browser, ZEROSHOT) == ["random", "clip", "umcl"]
    heading_of(browser, "model").click()
    assert models(browser, ZEROSHOT) == ["clip", "random", "umcl"]
    undefined = heading_of(browser, "sd over seeds")
    for _ in range(2):  # what is undefined stays last, whichever way
        undefined.click()
        assert models(browser, ZEROSHOT)[0] == "umcl"
    assert models(browser, 0) == ["umcl", "clip"]  # other tables stay as they are


def test_filters_hide_rows_and_tables_and_say_what_is_left(browser: Chrome) -> None:
    box = one(browser, "#model")
    box.send_keys("CLI")
    assert [models(browser, at) for at in range(3)] == [["clip"], ["clip"], []]
    assert one(browser, "#count").text == "2 rows in 2 tables"
    choose(browser, "task", "retrieval")
    assert [models(browser, at) for at in range(3)] == [["clip"], [], []]
    assert one(browser, "#count").text == "1 row in 1 table"
    box.send_keys("ppy")
    assert one(browser, "#none").is_displayed()
    box.clear()
    choose(browser, "model", "")
    choose(browser, "task", "")
    choose(browser, "source", "hospital")
    assert [models(browser, at) for at in range(3)] == [[], [], ["umcl"]]
    choose(browser, "source", "")
    choose(browser, "size", "tiny")
    choose(browser, "setting", "controlled")
    assert one(browser, "#count").text == "6 rows in 3 tables"
    assert not one(browser, "#none").is_displayed()


def test_a_model_tells_its_commands_and_choices_and_escape_closes(browser: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    button = browser.execute_script(
        "return [...document.querySelectorAll('section.board')[1].querySelectorAll('.how')]"
        ".find((b) => b.textContent === 'umcl')"
    )
    button.send_keys(Keys.ENTER)
    dialog = one(browser, "#dialog")
    assert dialog.is_displayed()
    said = dialog.text
    assert said.count("umcl-bench run --model umcl --task zeroshot") == 2  # a run for each seed
    assert "Record umcl-1-zeroshot-phantom-f1" in said
    assert "split = test" in said
    assert "size.name = tiny" in said
    dialog.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert browser.switch_to.active_element.text == "umcl"  # where the keyboard was


def test_light_and_dark_and_a_phone(browser: Chrome) -> None:
    shades = []
    for value in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": value}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        body = one(browser, "body")
        shades.append((body.value_of_css_property("background-color"), body.value_of_css_property("color")))
    assert shades == [
        ("rgba(255, 255, 255, 1)", "rgba(27, 31, 36, 1)"),
        ("rgba(13, 17, 23, 1)", "rgba(230, 237, 243, 1)"),
    ]
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360  # tables scroll by themselves
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_no_console_error_and_no_request_to_any_host(browser: Chrome) -> None:
    """The last of the tests of one browser: of all that was done in it."""
    told: dict[str, list[dict[str, Any]]] = {
        kind: browser.execute("getLog", {"type": kind})["value"] for kind in ("browser", "performance")
    }
    assert told["browser"] == []
    events = [json.loads(entry["message"])["message"] for entry in told["performance"]]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked, "the browser's log has no request, not even of the page"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

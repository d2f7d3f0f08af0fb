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
from tests.records.test_plots import luminance
from tests.records.test_seeds import record
from umcl_bench.progress import Reporter
from umcl_bench.records.html import to_html
from umcl_bench.records.plots.dials import series
from umcl_bench.records.plots.inline import DARK
from umcl_bench.records.plots.page import pictures
from umcl_bench.records.plots.style import LOOKS
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


def page_of(store: Store, *, average: bool = False, plots: bool = False) -> str:
    found = boards(store.records(Reporter()))
    drawn = pictures(found, Reporter(quiet=True)) if plots else None
    return to_html(found, summaries(found, average=average), pictures=drawn)


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    text = page_of(fill(Store(tmp_path)))
    assert_loads_nothing(text)
    assert "default-src 'none'" in text
    assert text.count('<section class="board"') == 3
    assert text.count("<svg") == 6
    assert "not run" in text


def assert_loads_nothing(text: str) -> None:
    assert {of[:5] for of in re.findall(r"""(?:src|href)=["']([^"']*)""", text) if of[0] != "#"} == {"data:"}
    assert not re.findall(r"https?://|@import|url\((?!#)", text)


def dialled(store: Store, *values: float) -> None:
    """Two models on phantoms that differ by their similarity."""
    for value in values:
        for model, strength in (("umcl", 1.5), ("clip", 1.5 - value)):
            about, parts = record(model, 1, strength)
            about["data"] |= {"fingerprint": f"f{value}", "facts": {"dials": {"similarity": value, "shortcut": 0.0}}}
            store.add(f"{model}-{value}", about, parts)


def test_pictures_are_parts_of_the_page_with_ids_of_their_own(tmp_path: Path) -> None:
    plain, text = (page_of(fill(Store(tmp_path / str(plots))), plots=plots) for plots in (False, True))
    assert "<figure>" not in plain
    assert_loads_nothing(text)
    assert text.count('<details class="plots">') == 3
    titles = re.findall(r'role="img" aria-label="([^:]*):', text)
    assert titles.count("ROC curves") == titles.count("precision-recall curves") == 3
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    asked = set(re.findall(r'(?:href="|url\()#([^")]*)', text))
    assert asked <= set(ids)
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= set(re.findall(r"--([\w-]+):", text)) | {"d"}
    assert text.count("<style") == 1  # a picture's own rules would hold for all of the page
    assert text == page_of(Store(tmp_path / "True"), plots=True)


def test_a_dial_with_two_values_or_more_is_a_picture_of_the_page(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dialled(store, 0.1)
    assert "over similarity" not in page_of(store, plots=True)
    dialled(store, 0.5, 0.9)
    text = page_of(store, plots=True)
    assert "<summary>over the dials of the phantom: zeroshot over similarity</summary>" in text
    assert text.count('aria-label="zeroshot over similarity: ') == 1
    (found,) = series(boards(store.records(Reporter())))
    assert (found.dial, list(found.boards)) == ("similarity", [0.1, 0.5, 0.9])
    about, parts = record("umcl", 1, 1.0)
    about["data"] |= {"fingerprint": "other", "facts": {"dials": {"similarity": 0.7, "shortcut": 0.5}}}
    store.add("other", about, parts)  # where another dial differs too, it is another curve
    assert [list(of.boards) for of in series(boards(store.records(Reporter())))] == [[0.1, 0.5, 0.9]]


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.1."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_of_pictures_can_be_seen_in_the_dark(tmp_path: Path) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    text = page_of(fill(Store(tmp_path)))
    _, dark = re.findall(r"--page: (#\w+)", text)
    assert len(DARK) == len(LOOKS)
    assert min(contrast(color, dark) for color in DARK) >= 3  # WCAG 2.1, 1.4.11


def test_what_records_say_is_escaped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    about, parts = record("umcl", 1, 1.0)
    about["command"] = about["model"]["name"] = HOSTILE
    store.add("run", about, parts)
    text = page_of(store, plots=True)
    assert "<figure>" in text
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
    assert "<figure>" not in text
    code, text, err = quick("leaderboard", "--format", "html", "--plots", "--task", "retrieval")
    assert code == 0, err
    assert "drawing retrieval on the PHANTOM" in err
    assert "<figure>" in text
    assert "Models by tasks" not in text  # of one table
    code, _, err = quick("leaderboard", "--plots")
    assert (code, "--plots is for --format html" in err) == (2, True)


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
    page = page_of(fill(Store(folder)), average=True, plots=True)
    (folder / "page.html").write_text(page, encoding="utf-8")
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
    assert re.search(r"Edema 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\] 120 \d+ \d+ 0%", said)  # with its counts
    assert "size.name = tiny" in said
    dialog.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert browser.switch_to.active_element.text == "umcl"  # where the keyboard was


def test_models_by_tasks_sort_by_figures_with_what_was_not_run_last(browser: Chrome) -> None:
    script = (
        "const table = [...document.querySelectorAll('section.summary table')][0];"
        "const at = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.startsWith('retrieval'));"
        "table.tHead.rows[0].cells[at].querySelector('button').click();"
        "return [...table.tBodies[0].rows].map((row) => row.cells[at].textContent)"
    )
    for way in (-1, 1):
        cells = browser.execute_script(script)
        assert cells[-1] == "not run"
        figures = [float(cell.split(" ")[0]) for cell in cells[:-1]]
        assert figures == sorted(figures, key=lambda value: way * value)


def test_pictures_are_closed_at_first_and_have_the_colours_of_the_page(browser: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    figure = one(browser, "section.board figure svg")
    assert not figure.is_displayed()
    one(browser, "section.board details.plots summary").send_keys(Keys.ENTER)
    assert figure.is_displayed()
    script = "return getComputedStyle(arguments[0].querySelector('text')).fill"
    shades = []
    for value in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": value}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        shades.append(browser.execute_script(script, figure))
    assert shades == ["rgb(27, 31, 36)", "rgb(230, 237, 243)"]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_list_of_tables_leads_to_each(browser: Chrome) -> None:
    links = browser.execute_script("return [...document.querySelectorAll('nav a')].map((a) => a.getAttribute('href'))")
    boards_there = browser.execute_script(
        "return [...document.querySelectorAll('section.board')].map((s) => '#' + s.id)"
    )
    assert links == boards_there


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
    browser.execute_script("for (const of of document.querySelectorAll('details')) of.open = true")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360  # tables scroll by themselves
    browser.execute_script("document.querySelector('.how').click()")
    script = "const dialog = document.getElementById('dialog'); return [dialog.scrollWidth, dialog.clientWidth]"
    wanted, there = browser.execute_script(script)
    assert wanted <= there <= 360
    browser.execute_script("document.getElementById('dialog').close()")
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

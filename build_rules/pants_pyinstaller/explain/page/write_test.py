"""The page in a real Chromium, driven by a script that is added to it."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pants_pyinstaller.explain import document, inventory
from pants_pyinstaller.explain.conftest import Frozen, freeze
from pants_pyinstaller.explain.graph import Graph
from pants_pyinstaller.explain.page import write
from pants_pyinstaller.explain.sizes import readable
from pants_pyinstaller.testing.freezer import Freezer

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

ERRORS = """<script>
  const problems = [];
  addEventListener("error", (event) => problems.push(event.message));
  addEventListener("securitypolicyviolation", (event) => problems.push(event.blockedURI));
</script>"""

PROBE = """<script>
  const press = (name) => new KeyboardEvent("keydown", { key: name, bubbles: true });
  const key = (name) => document.activeElement.dispatchEvent(press(name));
  const all = [...document.querySelectorAll("#tables > div, #difference > div")];
  const table = (title) => all.find((one) => one.querySelector("h2").textContent.startsWith(title));
  const texts = (row) => [...row.cells].map((cell) => cell.textContent);
  const rows = (title) => [...table(title).querySelectorAll("tbody tr")].map(texts);
  const result = {};
  const search = document.getElementById("search");
  const find = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
  result.facts = document.getElementById("facts").textContent;
  result.cells = [...document.querySelectorAll(".cell")].map((cell) => cell.title);
  result.maps = document.querySelectorAll(".map").length;
  result.parts = rows("Parts");
  table("Parts").querySelectorAll("th button")[0].click();
  result.sorted = [...table("Parts").querySelectorAll("th")].map((cell) => cell.getAttribute("aria-sort"));
  result.byName = rows("Parts").map((row) => row[0]);
  find("private_helper");
  result.found = rows("Modules and files");
  table("Modules and files").querySelector("td button")?.click();
  result.detail = document.getElementById("detail").innerText;
  result.marked = [...document.querySelectorAll(".cell.found")].map((cell) => cell.title);
  find("");
  document.querySelector(".path button").click();
  const before = document.activeElement.title;
  key("ArrowRight");
  result.moved = [before, document.activeElement.title];
  document.querySelector(".cell").click();
  result.trail = document.querySelector(".path").innerText;
  key("Escape");
  result.up = document.querySelector(".path").innerText;
  document.querySelector("input[value=unpacked]").click();
  result.unpacked = document.querySelector(".path").innerText;
  const theme = () => getComputedStyle(document.body).backgroundColor;
  const first = theme();
  document.getElementById("theme").click();
  result.themes = [first, theme()];
  search.blur();
  document.dispatchEvent(press("/"));
  result.slash = document.activeElement.id;
  result.changes = document.getElementById("difference").hidden ? null : rows("Changes");
  result.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  result.problems = problems;
  const shown = document.createElement("pre");
  shown.id = "probe";
  shown.textContent = JSON.stringify(result);
  document.body.append(shown);
</script>"""


def open_page(text: str, folder: Path) -> dict[str, Any]:
    """What PROBE saw of the page, which is opened from disk."""
    assert CHROMIUM is not None
    path = folder / "page.html"
    path.write_text(text.replace("<head>", "<head>" + ERRORS).replace("</body>", PROBE + "</body>"))
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--window-size=1200,900", f"--user-data-dir={folder / 'profile'}", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    match = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(html.unescape(match[1]))
    return found


@pytest.fixture(scope="module")
def seen(explained: document.Document, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH")
    return open_page(write.page(explained), tmp_path_factory.mktemp("page"))


def test_no_error_and_no_request(seen: dict[str, Any]) -> None:
    assert seen["problems"] == []
    assert seen["requests"] == []


def test_its_numbers_are_those_of_the_manifest(frozen: Frozen, seen: dict[str, Any]) -> None:
    manifest = json.loads(frozen.manifest.read_text())
    assert f"{readable(manifest['executable']['size'])} shipped" in seen["facts"]
    assert f"{readable(manifest['unpacked_size'])} unpacked" in seen["facts"]
    shown = {row[0]: row[2] for row in seen["parts"]}
    for item in manifest["distributions"]:
        if item["size"]:
            assert shown[f"{item['name']} {item['version']}"] == readable(item["size"])


def test_tables_sort_and_search(seen: dict[str, Any]) -> None:
    assert seen["byName"] == sorted(seen["byName"])
    assert seen["sorted"][0] == "ascending"
    assert {row[0] for row in seen["found"]} >= {"private_helper"}


def test_a_chain_on_a_click(seen: dict[str, Any]) -> None:
    for place in ("app/main.py:1", "app/work.py:7", "front/core.py:1", "heavy/engine.py:1"):
        assert place in seen["detail"]
    assert [text.partition(":")[0] for text in seen["marked"]] == ["private_helper"]


def test_the_keyboard(seen: dict[str, Any]) -> None:
    assert seen["moved"][0] != seen["moved"][1]
    assert "›" in seen["trail"]
    assert "›" not in seen["up"]
    assert seen["slash"] == "search"


def test_measures_and_themes(seen: dict[str, Any]) -> None:
    assert seen["unpacked"] != seen["up"]
    assert len(set(seen["themes"])) == 2


def test_two_builds_side_by_side(
    lock: Freezer, explained: document.Document, tmp_path: Path
) -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH")
    less = freeze(lock, "page-less", excludes=("heavy",)).explain()
    other = inventory.of_document(less, "old")
    seen = open_page(write.page(explained, other), tmp_path)
    assert seen["problems"] == []
    assert seen["maps"] == 2
    rows = {row[0]: row for row in seen["changes"]}
    assert rows["private-helper"][1] == "distribution added"
    assert "private_helper" in rows


def test_equal_documents_give_equal_pages_that_nothing_can_end(
    explained: document.Document,
) -> None:
    assert write.page(explained) == write.page(document.load(document.dump(explained)))
    program = {**explained.program, "name": "</script><script>alert(1)</script>@DATA@"}
    evil = document.Document(**{**vars(explained), "program": program})
    text = write.page(evil)
    assert "<script>alert" not in text
    assert text.count("</script>") == 3


def test_every_thing_of_the_bundle_is_on_the_page(
    graph: Graph, explained: document.Document
) -> None:
    match = re.search(
        r'<script id="data" type="application/json">(.*?)</script>', write.page(explained)
    )
    assert match is not None
    side = json.loads(match[1])["sides"][0]
    names = {row[0] for row in side["nodes"]}
    assert {graph.nodes[position].name for position in graph.selected} <= names

"""The site as MkDocs builds it from this repository, read as HTML and in a real Chromium."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs_site import build

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

# Types a word into the search as a person does, and waits until results are there.
PROBE = """<script>
  const problems = [];
  addEventListener("error", (event) => problems.push(event.message));
  addEventListener("load", async () => {
    const seen = () => [...document.querySelectorAll(".md-search-result__link")].map((link) => link.href);
    const query = document.querySelector(".md-search__input");
    query.focus();
    query.value = "contents_directory";
    while (!seen().length) {
      query.dispatchEvent(new Event("keyup"));
      await new Promise((done) => setTimeout(done, 50));
    }
    const result = {
      found: seen(),
      requests: performance.getEntriesByType("resource").map((entry) => entry.name),
      overflow: document.documentElement.scrollWidth - innerWidth,
      problems,
    };
    const shown = document.createElement("pre");
    shown.id = "probe";
    shown.textContent = JSON.stringify(result);
    document.body.append(shown);
  });
</script>"""


class Page(HTMLParser):
    """The anchors of a page, the links on it, what it loads, and its paragraphs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.paragraphs: list[str] = []
        self.in_paragraph = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "link" and given.get("rel") not in ("next", "prev", "canonical"):
            self.loads.add(given["href"])
        elif "src" in given:
            self.loads.add(given["src"])
        if tag == "p":
            self.paragraphs.append("")
            self.in_paragraph = True

    def handle_endtag(self, tag: str) -> None:
        self.in_paragraph &= tag != "p"

    def handle_data(self, data: str) -> None:
        if self.in_paragraph:
            self.paragraphs[-1] += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site") / "out"
    build.build(Path.cwd(), output)
    return output


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository with a page for each entry of the navigation, to break."""
    root = tmp_path / "repository"
    config = (build.HERE / "mkdocs.yml").read_text()
    for name in re.findall(r": (\S+\.md)$", config, re.MULTILINE):
        page = root / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"# {name}\n")
    links = " ".join(f"[{name}]({name})" for name in ("CONTRIBUTING.md", "SECURITY.md"))
    service = "[service](backend/services/agent-runner/README.md)"
    (root / "README.md").write_text(f"# Home\n\n## A heading\n\n{links} {service}\n")
    return root


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    followed = 0
    for path, page in pages.items():
        for address in sorted(page.links | page.loads):
            parts = urlsplit(address)
            if parts.scheme in ("http", "https", "mailto", "data"):
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            followed += 1
            if not file.exists():
                broken.append(f"{path.relative_to(site)}: {address}: no such file")
            elif anchor and file in pages and anchor not in pages[file].ids:
                broken.append(f"{path.relative_to(site)}: {address}: no such anchor")
    assert broken == []
    assert followed > 500


def test_every_page_of_docs_is_there(site: Path) -> None:
    for path in Path("docs").glob("*.md"):
        assert (site / path.with_suffix(".html")).is_file()
    text = (site / "index.html").read_text()
    assert "Freeze your own program" in text
    # A link to a file that is no page leads to its text.
    shown = (site / "source/bench/gallery/programs/psutil/main.py.html").read_text()
    assert "psutil" in shown


def test_a_page_loads_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    loads = {address for page in pages.values() for address in page.loads}
    assert loads
    assert [address for address in loads if urlsplit(address).netloc] == []


def test_markdown_that_only_github_reads_as_a_list_or_a_table(
    site: Path, pages: dict[Path, Page]
) -> None:
    """Python-Markdown wants an empty line before them."""
    swallowed = re.compile(r"^ *([-*] |\d+\. |\|.*\|$)", re.MULTILINE)
    found = [
        f"{path.relative_to(site)}: {paragraph.splitlines()[0]}"
        for path, page in pages.items()
        for paragraph in page.paragraphs
        if swallowed.search(paragraph)
    ]
    assert found == []
    assert r"\|" not in (site / "index.html").read_text()


def test_equal_sources_give_equal_sites(site: Path, tmp_path: Path) -> None:
    build.build(Path.cwd(), tmp_path / "again")
    first, second = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (site, tmp_path / "again")
    )
    assert first == second


def test_the_small_repository_has_a_site(small: Path, tmp_path: Path) -> None:
    build.build(small, tmp_path / "out")
    assert (tmp_path / "out/docs/quickstart.html").is_file()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[gone](gone.md)", "README.md: the link to gone.md leads to no file"),
        ("[gone](gone.py#L1)", "README.md: the link to gone.py#L1 leads to no file"),
        ("[out](../out.md)", "README.md: the link to ../out.md leads to no file"),
        ("![gone](docs/gone.svg)", "README.md: the link to docs/gone.svg leads to no file"),
        ("[here](#nowhere)", "'#nowhere'"),
        ("[there](docs/quickstart.md#nowhere)", "'docs/quickstart.md#nowhere'"),
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(
    small: Path, tmp_path: Path, text: str, named: str
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "before").touch()
    readme = small / "README.md"
    readme.write_text(readme.read_text() + f"\n{text}\n")
    with pytest.raises(build.SiteError) as raised:
        build.build(small, output)
    assert named in str(raised.value)
    assert [path.name for path in output.iterdir()] == ["before"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".site-")] == []


def test_a_page_outside_of_the_navigation_fails_the_build(small: Path, tmp_path: Path) -> None:
    (small / "docs/forgotten.md").write_text("# Forgotten\n")
    with pytest.raises(build.SiteError, match="forgotten"):
        build.build(small, tmp_path / "out")


def test_anchors_are_github_s_and_code_is_left_alone(small: Path, tmp_path: Path) -> None:
    readme = small / "README.md"
    readme.write_text(
        readme.read_text()
        + "\n## `--why NAME` & *what*\n\n[up](#--why-name--what)\n\n```\n[no](link.py)\n```\n"
    )
    build.build(small, tmp_path / "out")
    assert "[no](link.py)" in html.unescape((tmp_path / "out/index.html").read_text())


def test_another_script_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    shutil.copytree(build.HERE / "assets", assets)
    (assets / "iframe-worker.js").write_text("alert(1)")
    with pytest.raises(build.SiteError, match=r"iframe-worker 1\.0\.4"):
        build.check_pin(assets)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
def test_the_search_works_from_disk_and_asks_no_server(site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    page = copy / "docs/quickstart.html"
    page.write_text(page.read_text().replace("<head>", "<head>" + PROBE))
    done = subprocess.run(
        [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--virtual-time-budget=60000", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=1200,900", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    match = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stderr[-3000:]
    seen = json.loads(html.unescape(match[1]))
    assert any("pyinstaller_binary_reference.html" in link for link in seen["found"])
    assert [name for name in seen["requests"] if not name.startswith("file:")] == []
    assert seen["problems"] == []
    assert seen["overflow"] <= 0

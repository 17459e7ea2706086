"""Make the documentation a site: README.md, docs/ and every Markdown file that these link to.

    ./pants run build_support/docs_site:build                   into dist/site
    ./pants run build_support/docs_site:build -- --output FOLDER

The site has the repository's folders, so links between pages hold as they stand. A link to any other file leads to a
page with its text. MkDocs checks each link and anchor; one that leads nowhere fails the build.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
FIRST: Final = ("README.md", "docs/*.md")
SOURCES: Final = "source"
"""The site's folder of the pages that show a file's text."""

FENCE: Final = re.compile(r"^ *(```|~~~).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"(!?)(\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\])\(([^()\s]+)\)")
LANGUAGES: Final = {
    ".py": "python",
    ".sh": "bash",
    ".toml": "toml",
    ".yml": "yaml",
    "BUILD": "python",
}


class SiteError(Exception):
    """The site cannot be made; the message says which page is at fault and why."""


def prose(text: str) -> Iterator[tuple[bool, str]]:
    """The parts of a page in order: whether it is prose, and its text; the rest are blocks of code."""
    end = 0
    for block in FENCE.finditer(text):
        yield True, text[end : block.start()]
        yield False, block[0]
        end = block.end()
    yield True, text[end:]


def relink(text: str, change: Callable[[str], str]) -> str:
    """`text` with every link's address, outside of blocks of code, replaced by `change(address)`."""

    def replaced(match: re.Match[str]) -> str:
        return f"{match[1]}{relink(match[2], change)}({change(match[3])})"

    return "".join(LINK.sub(replaced, part) if is_prose else part for is_prose, part in prose(text))


class Stage:
    """Copies pages, and what they lead to, from the repository at `root` into the folder `pages`."""

    def __init__(self, root: Path, pages: Path) -> None:
        self.root = root
        self.pages = pages
        self.waiting = sorted({path for pattern in FIRST for path in root.glob(pattern)})
        self.seen = set(self.waiting)

    def copy(self) -> None:
        """Raises SiteError for a link to a file that is not in the repository."""
        while self.waiting:
            page = self.waiting.pop(0)
            name = page.relative_to(self.root).as_posix()
            self.write(name, relink(page.read_text("utf-8"), partial(self.address, name)))

    def address(self, page: str, address: str) -> str:
        """The address in the site for one on `page`; has what it leads to copied."""
        path, hash_sign, anchor = address.partition("#")
        if not path or re.match(r"[a-z][a-z+.-]*:", path):
            return address
        name = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        file = self.root / name
        if name.startswith("..") or not file.exists():
            raise SiteError(f"{page}: the link to {address} leads to no file of this repository")
        if file.suffix == ".md":
            if file not in self.seen:
                self.seen.add(file)
                self.waiting.append(file)
            return address
        if file.suffix in (".svg", ".png"):
            self.put(name, file.read_bytes())
            return address
        # MkDocs leaves hidden folders out.
        shown = f"{SOURCES}/{'/'.join(part.lstrip('.') for part in name.split('/'))}.md"
        self.write(shown, source_page(self.root, name))
        return posixpath.relpath(shown, posixpath.dirname(page) or ".") + hash_sign + anchor

    def write(self, name: str, text: str) -> None:
        self.put(name, text.encode())

    def put(self, name: str, content: bytes) -> None:
        target = self.pages / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def source_page(root: Path, name: str) -> str:
    """A page that shows the file `name`, or lists the files of the folder `name`."""
    file = root / name
    head = f"---\ntitle: {file.name}\nsearch:\n  exclude: true\n---\n\n# `{name}`\n\n"
    if file.is_dir():
        listed = sorted(path for path in file.iterdir() if not path.name.startswith(("__", ".")))
        return head + "".join(f"- `{path.name}{'/' * path.is_dir()}`\n" for path in listed)
    language = LANGUAGES.get(file.suffix or file.name, "text")
    text = file.read_text("utf-8").rstrip("\n")
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text + "``")))
    return f"{head}{fence}{language}\n{text}\n{fence}\n"


def check_pin(assets: Path) -> None:
    """Raises SiteError if the script of the search is not the pinned one."""
    pin = json.loads((assets / "iframe-worker.json").read_text())
    if hashlib.sha256((assets / "iframe-worker.js").read_bytes()).hexdigest() != pin["sha256"]:
        raise SiteError(
            f"{assets}/iframe-worker.js is not the file of iframe-worker {pin['version']} that is pinned"
        )


def build(root: Path, output: Path) -> None:
    """Make the site of the repository at `root` in `output`, which is replaced.

    Raises SiteError, and leaves `output` as it was, for a link or an anchor that leads nowhere, or a page outside of
    the navigation.
    """
    check_pin(HERE / "assets")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".site-") as folder:
        work = Path(folder)
        for name in ("mkdocs.yml", "hooks.py"):
            shutil.copy(HERE / name, work)
        shutil.copytree(HERE / "assets", work / "pages/assets")
        Stage(root, work / "pages").copy()
        done = subprocess.run(
            # Not `--quiet`: it would not count the warnings that shall fail the build.
            [sys.executable, "-m", "mkdocs", "build"],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            # Pants puts this program's distributions on its path. The date goes into the site's index.
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "SOURCE_DATE_EPOCH": "315532800",
                "NO_MKDOCS_2_WARNING": "1",
            },
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
            raise SiteError("\n".join(lines).strip())
        if output.exists():
            output.rename(work / "old")
        (work / "site").rename(output)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./pants run build_support/docs_site:build --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("dist/site"),
        metavar="FOLDER",
        help="default: dist/site",
    )
    options = parser.parse_args(argv)
    try:
        build(Path.cwd(), options.output)
    except SiteError as error:
        print(f"site: {error}", file=sys.stderr)
        return 1
    print(f"wrote {options.output / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Data and native files: of the program itself and of distributions."""

import ctypes
import importlib
import importlib.resources
import os
import pkgutil
import sys
from pathlib import Path

import conf_data
import conf_native
import conf_self_loader

from app.facts import fact

HERE = Path(__file__).resolve().parent


def listing(folder):
    return sorted(name for name in os.listdir(folder) if not name.startswith("__pycache__"))


def native_files():
    folder = Path(conf_native.__file__).parent
    return sorted(
        path.relative_to(folder).as_posix().split(".")[0] for path in folder.rglob("*.so")
    )


def main():
    fact("own file by __file__", lambda: (HERE / "texts/greeting.txt").read_text())
    fact(
        "own file by importlib.resources",
        lambda: (importlib.resources.files("app") / "texts" / "more" / "deep.txt").read_text(),
    )
    fact("own file by pkgutil", lambda: pkgutil.get_data("app", "texts/greeting.txt"))
    fact("own folder listed", lambda: listing(HERE / "texts"))
    fact(
        "own resources walked",
        lambda: sorted(
            one.name for one in importlib.resources.files("app").joinpath("texts").iterdir()
        ),
    )
    fact("data", conf_data.table)
    fact("data in a folder without code", lambda: listing(conf_data.folder("templates")))
    fact("source files that are data", lambda: conf_data.read("templates/project/env.py.txt")[:9])
    fact("python files that are data", lambda: conf_data.read("templates/project/script.py")[:9])
    fact("data with as_file", conf_data.copied)
    fact("data of a package that nobody imports", lambda: conf_data.read("locale/de/messages.mo"))
    fact("a zip archive beside the code", conf_data.zipped)
    fact("native files in folders", native_files)
    fact("size of a native file", lambda: os.path.getsize(conf_native.library()) > 1000)
    fact("start of a native file", lambda: Path(conf_native.library()).read_bytes()[:4])
    fact("native file by ctypes", lambda: ctypes.PyDLL(str(conf_native.library()))._name[-11:])
    fact("extension by its path", conf_native.by_path)
    fact("extension under another name", conf_native.under_another_name)
    fact("extension from a folder put on the path", conf_native.from_folder)
    fact(
        "extension by its dotted name",
        lambda: sorted(dir(importlib.import_module("conf_native.parts._heapq")))[-1],
    )
    fact("extension in C's way of a self-replacing package", conf_self_loader.found)
    fact(
        "file of an extension exists",
        lambda: os.path.isfile(sys.modules["conf_native.parts._heapq"].__file__),
    )


if __name__ == "__main__":
    main()

"""Tiny distributions that the programs use, by what they do with their files and with imports."""

from __future__ import annotations

import io
import sysconfig
import zipfile
from pathlib import Path

from pants_pyinstaller.testing.wheels import an_extension, install, make_wheel

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("zipped.py"), "VALUE = 'from an archive'\n")
    return content.getvalue()


DISTRIBUTIONS: dict[str, dict[str, str | bytes]] = {
    "conf-data": {
        "conf_data/__init__.py": """
import importlib.resources
import json
import os
import sys
from pathlib import Path

HERE = Path(os.path.dirname(__file__))

def table():
    return json.loads((HERE / "tables" / "table.json").read_text())

def folder(name):
    return HERE / name

def read(name):
    return (HERE / name).read_text()

def copied():
    with importlib.resources.as_file(importlib.resources.files(__name__) / "tables") as path:
        return sorted(os.listdir(path))

def zipped():
    sys.path.insert(0, str(HERE / "archive.zip"))
    import zipped
    return zipped.VALUE
""",
        "conf_data/tables/table.json": '{"a": [1, 2]}',
        "conf_data/tables/other.json": "{}",
        "conf_data/templates/project/env.py.txt": "# a text\n",
        "conf_data/templates/project/script.py": "# a file\nimport absent\n",
        "conf_data/templates/readme.txt": "read",
        "conf_data/locale/__init__.py": "",
        "conf_data/locale/de/messages.mo": "german",
        "conf_data/archive.zip": _archive(),
    },
    "conf-native": {
        "conf_native/__init__.py": f"""
import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent

def library():
    return HERE / "native" / "libconf.so"

def path(name):
    return HERE / "parts" / (name + {SUFFIX!r})

def by_path():
    spec = importlib.util.spec_from_file_location("_bisect", path("_bisect"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.__name__, Path(module.__file__).name.partition(".")[0]

def under_another_name():
    loader = importlib.machinery.ExtensionFileLoader("other.place._heapq", str(path("_heapq")))
    spec = importlib.util.spec_from_loader("other.place._heapq", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module.__name__, hasattr(module, "heappush")

def from_folder():
    folder = str(HERE / "folder")
    sys.path.insert(0, folder)
    sys.modules.pop("_statistics", None)
    try:
        module = importlib.import_module("_statistics")
        return module.__name__, Path(module.__file__).parent == HERE / "folder"
    finally:
        sys.path.remove(folder)
""",
        "conf_native/native/__init__.py": "",
        "conf_native/native/libconf.so": an_extension("_struct"),
        "conf_native/parts/__init__.py": "",
        f"conf_native/parts/_heapq{SUFFIX}": an_extension("_heapq"),
        f"conf_native/parts/_bisect{SUFFIX}": an_extension("_bisect"),
        f"conf_native/folder/_statistics{SUFFIX}": an_extension("_statistics"),
    },
    # A package that puts its own folder first on the path and imports its own name: the extension.
    "conf-self-loader": {
        "_queue_loader/__init__.py": """
import importlib
import os
import sys

def bootstrap():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inner")
    kept = sys.modules.pop("_opcode", None)
    sys.path.insert(0, folder)
    try:
        native = importlib.import_module("_opcode")
    finally:
        sys.path.remove(folder)
        if kept is not None:
            sys.modules["_opcode"] = kept
    return native
""",
        f"_queue_loader/inner/_opcode{SUFFIX}": an_extension("_opcode"),
        "conf_self_loader.py": """
import _queue_loader

def found():
    return _queue_loader.bootstrap().__name__
""",
    },
    "conf-host": {
        "conf_host/__init__.py": """
import importlib
import importlib.metadata
import pkgutil

__version__ = importlib.metadata.version("conf-host")

def _load(group):
    found = []
    for distribution in importlib.metadata.distributions():
        for entry in distribution.entry_points:
            if entry.group == group:
                found.append(entry.load().NAME)
    return sorted(found)

def plugins():
    return _load("conf.plugins")

class Manager:
    def load_all(self, name):
        return _load(name)

def plugins_by_helper():
    return Manager().load_all("cnf")

def namespace_plugins():
    import conf_plugins
    return sorted(
        importlib.import_module(one.name).NAME
        for one in pkgutil.iter_modules(conf_plugins.__path__, "conf_plugins.")
    )
""",
    },
    "conf-plugin-one": {"conf_plugin_one.py": "NAME = 'one'\n"},
    "conf-plugin-two": {"conf_plugin_two/__init__.py": "NAME = 'two'\n"},
    "conf-space-one": {"conf_plugins/first.py": "NAME = 'first'\n"},
    "conf-space-two": {"conf_plugins/second.py": "NAME = 'second'\n"},
    "conf-table": {
        "conf_table/__init__.py": """
import ast
import importlib
import pkgutil

ALIASES = {
    "fast": "conf_table.fast",
    "attribute": "conf_table.parts.deep:Thing",
}
FORMATS = {"one": "OneWriter", "two": "TwoWriter"}

def load(name):
    module, _, attribute = ALIASES[name].partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute).VALUE if attribute else found.VALUE

def save(path):
    kind = path.rpartition(".")[2]
    module = importlib.import_module(f"{__package__}.formats._{kind}")
    return getattr(module, FORMATS[kind])()

def __getattr__(name):
    if name == "lazy_value":
        return importlib.import_module("." + "lazy", __name__).VALUE
    raise AttributeError(name)

def run_script(text):
    tree = ast.parse(text)
    tree.body.insert(0, ast.Import(names=[ast.alias(name="conf_table.magic", asname="magic")]))
    found = {}
    exec(compile(ast.fix_missing_locations(tree), "script", "exec"), found)
    return found["result"]

def iterate():
    from conf_table import formats
    return sorted(
        importlib.import_module(f"conf_table.formats.{one.name}").__name__
        for one in pkgutil.iter_modules(formats.__path__)
    )
""",
        "conf_table/fast.py": "VALUE = 'fast'\n",
        "conf_table/lazy.py": "VALUE = 'lazy'\n",
        "conf_table/magic.py": "VALUE = 'magic'\n",
        "conf_table/parts/__init__.py": "",
        "conf_table/parts/deep.py": "class Thing:\n    VALUE = 'deep'\n",
        "conf_table/formats/__init__.py": "",
        "conf_table/formats/_one.py": "def OneWriter():\n    return 'one'\n",
        "conf_table/formats/_two.py": "def TwoWriter():\n    return 'two'\n",
    },
    # Rewrites modules while they are imported, as checkers of types do.
    "conf-hook": {
        "conf_hook.py": """
import importlib.abc
import importlib.machinery
import sys

SEEN = []

class Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        return self.source_to_code(source.replace("as written", "rewritten"), path)

class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name):
        self.name = name

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        SEEN.append(fullname)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            return None
        spec.loader = Loader(fullname, spec.origin)
        return spec

def install(name):
    sys.meta_path.insert(0, Finder(name))
""",
    },
    "conf-caller": {
        "conf_caller.py": """
import os
import sys

def folder_exists():
    return os.path.isdir(os.path.dirname(sys._getframe(1).f_code.co_filename))

def beside():
    frame = sys._getframe(1)
    return os.path.exists(os.path.join(os.path.dirname(frame.f_code.co_filename), "absent.env"))
""",
    },
    "conf-source": {
        "conf_source.py": """
import inspect

def kernel(number):
    return number ** 2  # compiled by somebody else

SOURCE = inspect.getsource(kernel)

def source():
    return SOURCE
""",
    },
}
METADATA = {
    "conf-host": "Summary: finds plug-ins\nRequires-Dist: conf-table>=1\n",
}
ENTRY_POINTS = {
    "conf-plugin-one": "[conf.plugins]\none = conf_plugin_one\n",
    "conf-plugin-two": "[cnf]\ntwo = conf_plugin_two\n",
}


def make_site(wheels: Path, site: Path) -> None:
    """Install all of them into ``site``."""
    for name, files in DISTRIBUTIONS.items():
        points = ENTRY_POINTS.get(name, "")
        wheel = make_wheel(wheels, name, "1.0", files, METADATA.get(name, ""), points)
        install(wheel, site)

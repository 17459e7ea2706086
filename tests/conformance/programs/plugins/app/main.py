"""Metadata, plug-ins, and imports by names that are made at run time."""

import importlib
import importlib.metadata
import pkgutil
import sys

import conf_hook
import conf_host
import conf_table

from app import backends, checked
from app.facts import fact


def entry_points(group):
    return sorted(f"{one.name} {one.value}" for one in importlib.metadata.entry_points(group=group))


def main():
    fact("version", lambda: importlib.metadata.version("conf-host"))
    fact("summary", lambda: importlib.metadata.metadata("conf-host")["Summary"])
    fact(
        "version by a name made here",
        lambda: importlib.metadata.version("-".join(["conf", "table"])),
    )
    fact("absent", lambda: importlib.metadata.version("conf-absent"))
    fact("requirements", lambda: importlib.metadata.requires("conf-host"))
    fact("version of the module itself", lambda: conf_host.__version__)
    fact("plug-ins", conf_host.plugins)
    fact("plug-ins by a helper", conf_host.plugins_by_helper)
    fact("plug-ins of a namespace package", conf_host.namespace_plugins)
    fact("names of plug-ins", lambda: entry_points("cnf"))
    fact("names in a table", lambda: conf_table.load("fast"))
    fact("names in a table, by attribute", lambda: conf_table.load("attribute"))
    fact("a backend by its format", lambda: conf_table.save("x.two"))
    fact("submodules, imported lazily", lambda: conf_table.lazy_value)
    fact("submodules, iterated", conf_table.iterate)
    fact("an import put into a script", lambda: conf_table.run_script("result = magic.VALUE"))
    fact("own modules by a made name", lambda: backends.load("one").NAME)
    fact(
        "own modules, iterated",
        lambda: sorted(one.name for one in pkgutil.iter_modules(backends.__path__)),
    )
    fact("import hook on own modules", lambda: (checked.VALUE, conf_hook.SEEN))
    fact(
        "find_spec",
        lambda: [
            importlib.util.find_spec(name) is not None
            for name in ("json", "app.backends.two", "conf_table.fast", "conf_absent")
        ],
    )
    fact("reload", lambda: importlib.reload(backends).__name__)


if __name__ == "__main__":
    import importlib.util

    main()
    sys.exit(0)

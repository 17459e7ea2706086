"""The program that a proof runs, frozen in a real bundle and unfrozen in the same interpreter.

It is kept as text: frozen, it is the entry script of a bundle that holds what the binary holds and nothing else, so it
imports only what is in every interpreter (sys, os, marshal, builtins, gc). It imports the modules of a job one after
the other and writes down what happened, line by line, so that a module that ends the process costs only itself.
"""

from __future__ import annotations

SOURCE = r'''
import sys
import os
import marshal


def _run():
    import builtins
    import gc

    gc.disable()
    job_path, out_path = sys.argv[1], sys.argv[2]
    with open(job_path, "rb") as file:
        job = marshal.load(file)
    root = job["root"] or sys._MEIPASS
    prefix = root + os.sep
    out = open(out_path, "a", encoding="utf-8", errors="backslashreplace", buffering=1)
    real_stat, real_import, frame = os.stat, builtins.__import__, sys._getframe
    modules = sys.modules
    requests, unmet = set(), set()
    told = {"request": set(), "unmet": set()}
    seen = set()
    state = {"now": "", "busy": False, "looking": False}
    Module = type(sys)
    outer = ("pathlib", "importlib", "zipfile", "pyimod", "_frozen_importlib")
    inner = ("genericpath", "posixpath", "ntpath", "os", "io", "codecs", "tokenize", "zipfile", "inspect", "linecache")

    own_file = frame(0).f_code.co_filename
    library = sys.stdlib_module_names

    def is_own(code):
        return code.co_filename == own_file

    def speaks_of(value, name):
        """Whether a text holds the module's name, or a part that a name is put together from."""
        if not issubclass(type(value), str) or len(value) < 2:
            return False
        return (
            value == name
            or value.startswith((name + ".", name + ":"))
            or name.startswith(value.rstrip(".") + ".")
            or name.endswith("." + value.lstrip("."))
        )

    def is_given(found, holds):
        """Whether a function has what is asked for from its caller: in a parameter, in a list or an object there."""
        code = found.f_code
        if code.co_name == "<genexpr>":
            return True
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & 4) + bool(code.co_flags & 8)
        if not count:
            return False
        values = found.f_locals
        for parameter in code.co_varnames[:count]:
            value = values.get(parameter)
            # Of its type alone: a proxy that is asked for anything may well import, or fail.
            kind = type(value)
            if issubclass(kind, (list, tuple, set, frozenset)):
                items = list(value)[:1000]
            elif issubclass(kind, dict):
                items = list(value.values())[:1000]
            elif issubclass(kind, (str, bytes)) or hasattr(kind, "__fspath__"):
                items = (value,)
            else:
                try:
                    items = list(object.__getattribute__(value, "__dict__").values())
                except (AttributeError, TypeError):
                    continue
                if issubclass(kind, Module):
                    continue
            for item in items:
                if holds(item):
                    return True
        return False

    def asker(found, holds, top=""):
        """The module whose code asked: beyond helpers that were only given the name.

        :param top: top-level name of the module asked for; the standard library wants none but its own.
        """
        last = ""
        while found is not None:
            if not is_own(found.f_code):
                name = found.f_globals.get("__name__", "")
                last = name or last
                foreign = top and top not in library and name.partition(".")[0] in library
                if not foreign and not name.startswith(outer) and not is_given(found, holds):
                    return name
            found = found.f_back
        return last

    def asker_of_module(found, name):
        return asker(found, lambda value: speaks_of(value, name), name.partition(".")[0])

    def being_loaded(found):
        """The native module whose initialisation is going on, for what its C code imports."""
        while found is not None:
            if found.f_globals.get("__name__", "").startswith(outer):
                values = found.f_locals
                for local in ("module", "spec"):
                    value = values.get(local)
                    name = getattr(value, "name" if local == "spec" else "__name__", None)
                    if isinstance(name, str):
                        return name
            elif not is_own(found.f_code):
                return None
            found = found.f_back
        return None

    def caller(kind, what):
        found = frame(2)
        while found is not None:
            name = found.f_globals.get("__name__", "")
            if name not in inner and not name.startswith(outer) and not is_own(found.f_code):
                if kind == "module":
                    return asker_of_module(found, what)
                whole = prefix + what
                return asker(found, lambda value: is_path(value, whole))
            found = found.f_back
        return state["now"]

    def is_path(value, whole):
        try:
            return os.fspath(value) == whole
        except Exception:
            return False

    def note(kind, what):
        key = (kind, what)
        if key not in seen:
            seen.add(key)
            out.write(repr((kind, what, state["now"], caller(kind, what))) + "\n")

    def wants_source():
        """Whether somebody reads a source: neither an import, nor what only shows a line of it."""
        found = frame(2)
        while found is not None:
            name = found.f_globals.get("__name__", "")
            if name in ("traceback", "warnings", "logging"):
                return False
            if name.startswith(("importlib._boot", "_frozen_importlib", "pyimod", "zipimport", "pkgutil")):
                return False
            if not is_own(found.f_code) and name not in inner:
                if not name.startswith(outer):
                    return True
            found = found.f_back
        return False

    def missed(path):
        if state["busy"]:
            return
        state["busy"] = True
        try:
            path = os.fspath(path)
            if isinstance(path, bytes):
                path = os.fsdecode(path)
            if path.startswith(prefix):
                try:
                    real_stat(path)
                except (OSError, ValueError):
                    if not path.endswith(".py") or wants_source():
                        note("file", path[len(prefix):])
        except TypeError:
            pass
        finally:
            state["busy"] = False

    def audit(event, arguments):
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(prefix):
            missed(arguments[0])
        elif event in ("os.listdir", "os.scandir") and arguments[0] is not None and not isinstance(arguments[0], int):
            missed(arguments[0])

    def stat(path, *arguments, **named):
        try:
            return real_stat(path, *arguments, **named)
        except OSError:
            if not isinstance(path, int):
                missed(path)
            raise

    class Last:
        """The finder behind all others: what arrives here nobody has."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            note("module", name)
            return None

    def traced_import(name, globals=None, locals=None, fromlist=(), level=0):
        importer = globals.get("__name__") if globals else None
        asking = frame(1)
        package = ""
        if level and importer:
            package = globals.get("__package__") or ""
            if not package:
                package = importer if "__path__" in globals else importer.rpartition(".")[0]
            for _ in range(level - 1):
                package = package.rpartition(".")[0]
        base = package + ("." if package and name else "") + name
        if asking.f_globals is globals:
            if asking.f_code.co_code[asking.f_lasti] != job["statement"]:
                loading = importer and importer.startswith(outer) and being_loaded(asking)
                importer = loading or asker_of_module(asking, base)
        elif importer is None or importer.startswith(outer):
            importer = being_loaded(asking) or asker_of_module(asking, base)
        if not importer:
            return real_import(name, globals, locals, fromlist, level)
        requests.add((importer, base))
        try:
            result = real_import(name, globals, locals, fromlist, level)
        except BaseException:
            unmet.add((importer, base))
            raise
        for item in fromlist or ():
            if isinstance(item, str) and base + "." + item in modules:
                requests.add((importer, base + "." + item))
        return result

    def wrap_import_module():
        importlib = real_import("importlib")
        original = importlib.import_module

        def import_module(name, package=None):
            if isinstance(name, str):
                target = name
                if name.startswith(".") and package:
                    level = len(name) - len(name.lstrip("."))
                    base = package
                    for _ in range(level - 1):
                        base = base.rpartition(".")[0]
                    target = base + "." + name.lstrip(".")
                importer = asker_of_module(frame(1), target)
                if importer:
                    requests.add((importer, target))
            return original(name, package)

        importlib.import_module = import_module

    def outcome(error):
        text = str(error)
        for place in (root, os.path.realpath(root), job.get("home", "")):
            if place:
                text = text.replace(place, "<root>")
        return (type(error).__name__, text[:2000])

    def tail(error):
        """Where the exception came from: the last frames, innermost last."""
        found = []
        trace = error.__traceback__
        while trace is not None:
            found.append("%s:%s" % (trace.tb_frame.f_globals.get("__name__", "?"), trace.tb_lineno))
            trace = trace.tb_next
        return [item for item in found if not item.startswith(("__main__", "importlib", "_frozen"))][-4:]

    class Unexecuted(BaseException):
        pass

    def reached(name):
        """What a mark imports; see analysis.reduction."""
        if name.startswith("__"):
            raise AttributeError(name)
        out.write(repr(("executed", name)) + "\n")
        raise Unexecuted(name)

    mark = modules[job["mark"]] = Module(job["mark"])
    mark.__getattr__ = reached
    # Who looks at a function's code only for what is the same with and without a body.
    lookers = ("_signature_from_function", "_signature_is_functionlike", "_has_code_flag", "getfile", "coroutine")

    starts = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn", "os.system")

    def look(event, arguments):
        if event == "object.__getattr__" and arguments[1] == "__code__" and not state["looking"]:
            state["looking"] = True
            try:
                names = arguments[0].__code__.co_names
            finally:
                state["looking"] = False
            asking = frame(1)
            known = asking.f_globals.get("__name__") in ("inspect", "types") and asking.f_code.co_name in lookers
            if job["mark"] in names and not known:
                out.write(repr(("executed", names[names.index(job["mark"]) + 1])) + "\n")
        elif event in starts and sys.executable and sys.executable in repr(arguments[:2]):
            out.write(repr(("restarted",)) + "\n")

    sys.addaudithook(look)
    if job["record"]:
        sys.meta_path.append(Last)
        sys.addaudithook(audit)
        os.stat = stat
        if job["dynamic"]:
            builtins.__import__ = traced_import
            wrap_import_module()
    loaders = ("SourceFileLoader", "ExtensionFileLoader", "NamespaceLoader", "PyiFrozenLoader")

    def importers():
        """What finds modules of directories, or stands before the finder that asks those."""
        found = list(sys.path_hooks)
        for item in sys.meta_path:
            if getattr(item, "__name__", "") == "PathFinder":
                break
            found.append(item)
        return found

    before = importers()
    sys.argv[:] = [sys.argv[0]]
    for name in job["modules"]:
        state["now"] = name
        out.write(repr(("start", name)) + "\n")
        try:
            real_import(name)
        except BaseException as error:
            out.write(repr(("fail", name) + outcome(error) + (tail(error),)) + "\n")
        else:
            out.write(repr(("ok", name, getattr(modules.get(name), "__file__", None) or "")) + "\n")
        for item in importers():
            if item not in before:
                before.append(item)
                out.write(repr(("importer", getattr(item, "__qualname__", type(item).__qualname__), name)) + "\n")
        # With each module, so that one that ends the process costs only its own.
        for kind, found in (("request", requests), ("unmet", unmet)):
            fresh = found - told[kind]
            told[kind] |= fresh
            found -= fresh
            for request in sorted(fresh):
                out.write(repr((kind,) + request) + "\n")
    state["now"] = ""
    for name in job["own"]:
        loader = type(getattr(modules.get(name), "__loader__", None))
        if loader.__name__ not in loaders and name in modules:
            out.write(repr(("loader", name, loader.__module__ + "." + loader.__qualname__)) + "\n")
    for module, names in job["attributes"]:
        loaded = modules.get(module)
        for name in names:
            if loaded is None or hasattr(loaded, name):
                continue
            try:  # as an import statement does: modules that an import hook finds are in no index
                real_import(module + "." + name)
            except BaseException:
                out.write(repr(("attribute", module, name)) + "\n")
    for name, version in job["versions"]:
        try:
            found = real_import("importlib.metadata").metadata.version(name)
        except BaseException as error:
            found = type(error).__name__
        if found != version:
            out.write(repr(("version", name, version, found)) + "\n")
    for package, path in job["resources"]:
        if package not in modules:
            continue
        try:
            there = real_import("importlib.resources").resources.files(package).joinpath(*path.split("/")).is_file()
        except BaseException as error:
            there = False
        if not there:
            out.write(repr(("resource", package, path)) + "\n")
    out.write(repr(("end",)) + "\n")
    out.flush()
    os._exit(0)


_run()
'''

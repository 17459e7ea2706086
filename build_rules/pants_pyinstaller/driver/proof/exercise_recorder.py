"""What runs before an exercise, frozen and unfrozen, and notes what it looked for.

Kept as text: frozen, it is the first script of the bundle, so it imports only what every interpreter has (sys, os). It
must not be seen by the program: nothing is printed, no file stays open, and the one function that is replaced does what
it did. Every process of the program has it (a child of a frozen program is the same executable).
"""

from __future__ import annotations

from collections.abc import Collection

_SOURCE = r'''
def _record(report, root, frozen, own_root, own):
    import os
    import sys

    own_prefix = (own_root or sys._MEIPASS) + os.sep
    signatures = ("_signature_from_function", "_signature_is_functionlike", "_has_code_flag", "getfile", "coroutine")

    open_file, write, close, getpid, real_stat = os.open, os.write, os.close, os.getpid, os.stat
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    root = root or sys._MEIPASS
    prefix = root + os.sep
    seen = set()
    code_suffixes = (".py", ".pyc", ".so", ".pyd")
    readers = ("genericpath", "posixpath", "ntpath", "os", "io", "_io", "codecs", "tokenize", "linecache", "zipfile")
    not_asking = ("traceback", "warnings", "logging", "importlib", "_frozen_importlib", "pyimod", "pkgutil", "runpy")
    context = ("getframeinfo", "stack", "trace", "getouterframes", "getinnerframes")

    def note(*what):
        if what in seen:
            return
        seen.add(what)
        try:
            number = open_file(report + os.sep + str(getpid()), flags, 0o600)
            try:
                write(number, (repr(what) + "\n").encode("ascii", "backslashreplace"))
            finally:
                close(number)
        except OSError:
            pass

    def read_as_data(depth):
        """Whether a source is read for what stands in it, not to import it, nor to show a line in a message."""
        frame = sys._getframe(depth)
        while frame is not None:
            name = frame.f_globals.get("__name__") or ""
            if frame.f_code.co_name in context:
                return False
            if name not in readers and not name.startswith("pathlib"):
                return not name.startswith(not_asking)
            frame = frame.f_back
        return False

    def looked(kind, path):
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str) and path.startswith(prefix):
            if not path.endswith(code_suffixes) or (path.endswith(".py") and read_as_data(3)):
                if frozen:
                    try:
                        real_stat(path)
                        return
                    except (OSError, ValueError):
                        pass
                note(kind, path[len(prefix):])

    def called(code, offset=0):
        """A function of the program's own; told once."""
        path = code.co_filename
        if path.startswith(own_prefix):
            path = path[len(own_prefix):].replace(os.sep, "/")
            if path in own:
                note("function", "%s:%s:%d" % (path, code.co_name, code.co_firstlineno))
        return monitoring.DISABLE

    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None:
        tool = [number for number in (3, 4) if monitoring.get_tool(number) is None]
        if tool:
            monitoring.use_tool_id(tool[0], "pyi_exercise_recorder")
            monitoring.register_callback(tool[0], monitoring.events.PY_START, called)
            monitoring.set_events(tool[0], monitoring.events.PY_START)
        else:
            note("function", "unseen")

    def looked_at(function):
        """Code that is looked at counts as called, unless it is for what does not change with the body."""
        here, frame = sys._getframe(0).f_code, sys._getframe(2)
        if frame.f_code == here:  # this very look (not "is": an environment may have two recorders)
            return
        if frame.f_globals.get("__name__") in ("inspect", "types") and frame.f_code.co_name in signatures:
            return
        code = getattr(function, "__code__", None)
        if isinstance(code, type(here)):
            called(code)

    def audit(event, arguments):
        if event == "open":
            looked("file", arguments[0])
            path = arguments[0]
            if isinstance(path, str) and path.startswith(own_prefix):
                path = path[len(own_prefix):].replace(os.sep, "/")
                if path in own and read_as_data(2):
                    note("function", path)
        elif event == "object.__getattr__":
            if arguments[1] == "__code__" and monitoring is not None:
                looked_at(arguments[0])
        elif event == "cpython.PyInterpreterState_New":
            note("function", "unseen")
        elif event == "subprocess.Popen":
            words = arguments[1] if isinstance(arguments[1], (list, tuple)) else ()
            if sys.executable in words and not {"-S", "-IS", "-SI"}.isdisjoint(words):
                note("function", "unseen")
        elif frozen and (event == "os.listdir" or event == "os.scandir"):
            looked("file", arguments[0])

    sys.addaudithook(audit)

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            note("module", name)
            return None

        @staticmethod
        def find_distributions(context=None):
            name = getattr(context, "name", None)
            if frozen and name:
                note("distribution", str(name))
            elif frozen:
                frame = sys._getframe(1)
                while frame is not None and frame.f_code.co_name != "entry_points":
                    frame = frame.f_back
                asked = frame.f_locals.get("params") if frame is not None else None
                if isinstance(asked, dict) and isinstance(asked.get("group"), str):
                    note("group", asked["group"])
            return ()

    if not frozen:
        sys.meta_path.insert(0, Finder)
        return note
    sys.meta_path.append(Finder)

    def stat(path, *arguments, **named):
        try:
            return real_stat(path, *arguments, **named)
        except OSError:
            if not isinstance(path, int):
                looked("file", os.fspath(path))
            raise

    for name in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks"):
        if real_stat in getattr(os, name, ()):
            getattr(os, name).add(stat)
    os.stat = stat
'''

NAME = "pyi_exercise_recorder"
"""Name of the script; a frame of it in a traceback is none of the program's."""


def frozen(report: str, own: Collection[str]) -> str:
    """Source text of the bundle's first script; ``report``: directory for what it notes, a file for each process.

    It notes ``("module", name)`` that nothing provides, ``("file", path)`` below the bundle that is not there,
    ``("distribution", name)`` without metadata and each ``("group", name)`` of entry points that was asked for;
    ``("function", "path:name:line")`` of each function of the sources ``own`` that was called, ``("function", path)``
    of each of them that was read as data, and ``("function", "unseen")`` where it cannot see that.
    """
    return f"{_SOURCE}\n_record({report!r}, '', True, '', {_set(own)})\ndel _record\n"


def unfrozen(report: str, site: str, own_root: str, own: Collection[str]) -> str:
    """Source text to execute at an interpreter's start.

    It notes ``("module", name)`` of everything that was looked for and ``("file", path)`` of every file below ``site``
    that was opened, except code; functions of the sources ``own`` below ``own_root`` as ``frozen`` does.
    """
    return f"{_SOURCE}\n_record({report!r}, {site!r}, False, {own_root!r}, {_set(own)})\n"


def _set(own: Collection[str]) -> str:
    return "{" + ", ".join(map(repr, sorted(own))) + "}" if own else "()"

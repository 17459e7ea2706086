"""Sources, tracebacks, warnings and the files that code says it comes from."""

import inspect
import linecache
import os
import sys
import traceback
import warnings

import conf_caller

from app import helper
from app.facts import fact

try:
    import conf_source

    from app import shown
except OSError:  # by plain PyInstaller
    conf_source = shown = None


def own(number):
    return number * 2


def text_of_traceback():
    try:
        helper.raises()
    except ValueError:
        lines = traceback.format_exc().splitlines()
    return [line.strip() for line in lines if not line.strip().startswith(("File", "^", "~"))]


def frames():
    try:
        helper.raises()
    except ValueError as error:
        return [
            (os.path.basename(frame.filename), frame.name)
            for frame in traceback.extract_tb(error.__traceback__)
        ]


def warned():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        helper.warns()
    return [(str(one.message), os.path.basename(one.filename), one.lineno) for one in found]


def main():
    fact("source of an own function", lambda: inspect.getsource(helper.looked_at))
    fact("source of a function of __main__", lambda: inspect.getsource(own))
    fact("source read at import", lambda: shown.SOURCE)
    fact("source of a function of such a module", lambda: inspect.getsource(shown.second))
    fact("source of a distribution's function", lambda: conf_source.source())
    fact("signature", lambda: str(inspect.signature(own)))
    fact("line of a module", lambda: linecache.getline(helper.__file__, 1))
    fact("traceback", text_of_traceback)
    fact("frames", frames)
    fact("warning", warned)
    fact("folder of the caller exists", conf_caller.folder_exists)
    fact("a file beside the caller", conf_caller.beside)
    fact(
        "code's file is the module's",
        lambda: os.path.normpath(own.__code__.co_filename) == os.path.normpath(__file__),
    )
    fact("code's file is absolute", lambda: os.path.isabs(helper.raises.__code__.co_filename))
    fact("module's file", lambda: os.path.basename(helper.__file__))
    fact("module's path", lambda: [os.path.isdir(one) for one in sys.modules["app"].__path__])
    fact("spec's origin", lambda: os.path.basename(helper.__spec__.origin))
    fact(
        "cached", lambda: helper.__spec__.cached is None or isinstance(helper.__spec__.cached, str)
    )


if __name__ == "__main__":
    main()

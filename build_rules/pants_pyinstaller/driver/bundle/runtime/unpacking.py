# mypy: ignore-errors


def _pyi_unpacking(modules, files, early):
    """Native files stay packed until something touches them, which cannot see it.

    Unpacking is what the start of a one-file program costs, and most of it is a few large libraries that the start does
    not need. At the place of each lies a file of its size without content, which is written before the first import,
    ``open`` or ``dlopen`` goes on, and before a program is started that is given a path in the bundle. The first bytes
    are written last: a file that begins with a zero is empty, for the other processes of the program as well.
    """
    import _thread
    import os
    import sys

    from pyimod01_archive import zlib  # pants: no-infer-dep
    from pyimod02_importers import pyz_archive  # pants: no-infer-dep

    open_file = open  # a program may replace builtins.open
    root = sys._MEIPASS
    left = {}  # base name -> destinations
    for dest in files:
        left.setdefault(dest.rpartition("/")[2], []).append(dest)
    locks = {}
    busy = set()  # threads that write
    if hasattr(os, "register_at_fork"):
        # Whoever held a lock does not exist in a child.
        os.register_at_fork(after_in_child=lambda: (locks.clear(), busy.clear()))

    def place(dest):
        return os.path.join(root, *dest.split("/"))

    def content(dest):
        offset, length, size = files[dest]
        with open_file(pyz_archive._filename, "rb") as archive:
            archive.seek(pyz_archive._start_offset + offset)
            return zlib.decompress(archive.read(length), bufsize=size)

    def reserve():
        folders = set()
        for dest in files:
            parts = dest.split("/")
            folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
        for folder in sorted(folders):
            try:
                os.mkdir(place(folder))
            except FileExistsError:
                pass
        for dest in files:
            number = os.open(place(dest), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o700)
            os.truncate(number, files[dest][2])
            os.close(number)

    def write(dest):
        try:
            with open_file(place(dest), "r+b", buffering=0) as file:
                if file.read(1) in (b"\0", b""):
                    data = memoryview(content(dest))
                    for start, end in ((64, len(data)), (0, 64)):
                        file.seek(start)
                        while start < end:
                            start += file.write(data[start:end])
        except FileNotFoundError:
            return  # the program deleted it, or outlived its bundle
        except OSError as error:
            size = files[dest][2] / 1e6
            raise OSError(
                error.errno,
                f"cannot unpack {dest} ({size:.1f} MB) into {root}: {error.strerror or error}. "
                "Make room there, or let TMPDIR name another directory.",
            ) from error
        name = dest.rpartition("/")[2]
        rest = [other for other in left.get(name, ()) if other != dest]
        if rest:
            left[name] = rest
        else:
            left.pop(name, None)

    def fill(dest):
        thread = _thread.get_ident()
        with locks.setdefault(dest, _thread.RLock()):
            if dest in left.get(dest.rpartition("/")[2], ()) and thread not in busy:
                busy.add(thread)
                try:
                    write(dest)
                finally:
                    busy.discard(thread)

    def fill_all(dests):
        for dest in dests:
            fill(dest)

    def touch(path):
        try:
            path = os.fsdecode(path)
        except TypeError:
            return
        for dest in left.get(os.path.basename(path), ()):
            # A library comes after those that it needs, an extension module after its libraries.
            for wanted in modules.values():
                if dest in wanted:
                    fill_all(wanted[: wanted.index(dest)])
            fill(dest)

    def ahead(names):
        try:
            for name in names:
                fill_all(modules[name])
        except Exception:
            pass  # the import itself will say it

    def on_import(name, path=None, *_):
        if path is not None:
            try:
                touch(path)
            except OSError as error:
                raise ImportError(error.strerror, name=name, path=path) from error
        # An import that will come to such files has them written in a thread: that needs no interpreter lock, so
        # another core does it while this one imports what comes before.
        coming = early.pop(name, None)
        if coming:
            try:
                _thread.start_new_thread(ahead, (coming,))
            except RuntimeError:
                pass  # no thread to be had: each is written when it is touched

    def on_paths(*paths):
        for path in paths:
            touch(path)

    def on_library(path=None, *_):
        touch(path)

    def mentions(value):
        if isinstance(value, (list, tuple)):
            return any(map(mentions, value))
        if hasattr(value, "items"):
            return any(mentions(item) for name, item in value.items() if not mine(name))
        try:
            return root in os.fsdecode(value)
        except TypeError:
            return False

    def mine(name):
        return name[:5] in ("_PYI_", b"_PYI_")

    def on_program(*arguments):
        try:
            here = os.getcwd()
        except OSError:
            here = ""
        if mentions((here, *arguments, os.environ)):
            on_interpreter()

    def on_interpreter(*_):
        fill_all([dest for dests in list(left.values()) for dest in dests])

    handlers = {
        "import": on_import,
        "open": on_library,
        "ctypes.dlopen": on_library,
        "os.truncate": on_library,
        "os.link": on_paths,
        "os.rename": on_paths,
        "os.symlink": on_paths,
        "sqlite3.load_extension": on_paths,
        "subprocess.Popen": on_program,
        "os.exec": on_program,
        "os.posix_spawn": on_program,
        "os.spawn": on_program,
        "os.startfile": on_program,
        "os.system": on_program,
        "cpython.PyInterpreterState_New": on_interpreter,  # has no such hook
    }

    def watch(event, arguments, handlers=handlers, left=left, busy=busy, thread=_thread.get_ident):
        if event in handlers and left and thread() not in busy:
            handlers[event](*arguments)

    try:
        reserve()
    except FileExistsError:
        pass  # the process that started this one did it
    except FileNotFoundError:
        pass  # that one has outlived its bundle
    sys.addaudithook(watch)

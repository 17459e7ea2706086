# mypy: ignore-errors


def _pyi_starting(file, module, script, one_file):
    """``__main__`` is made ready for the entry script, or for what a process of the program was started to do instead.

    That is the work of multiprocessing's children, and of an interpreter: ``sys.executable`` with ``-m`` or ``-c``.
    """
    import _frozen_importlib
    import _imp
    import os
    import sys

    from pyimod02_importers import pyz_archive  # pants: no-infer-dep

    main = sys.modules["__main__"]
    path = os.path.join(sys._MEIPASS, *file.split("/"))
    toc = pyz_archive.toc

    def is_child():
        """Whether a process of this program started this one."""
        if sys.platform != "linux":
            return os.environ.get("_PYI_MAIN_PROCESS", "").partition(":")[0] != str(os.getpid())
        try:
            with open("/proc/self/environ", "rb") as environ:
                if b"_PYI_PARENT_PROCESS_LEVEL=1" in environ.read().split(b"\0"):
                    return True
            # It may have been given an environment with nothing in it.
            parent = os.getppid()
            if one_file:  # the process that unpacked it
                with open(f"/proc/{parent}/stat") as status:
                    parent = int(status.read().rpartition(")")[2].split()[1])
            return os.path.samefile(f"/proc/{parent}/exe", "/proc/self/exe")
        except (OSError, ValueError, IndexError):
            return False

    def command():
        """The option -c or -m, its value and what follows, when the arguments begin as those of Python do."""
        arguments = sys.argv[1:]
        while len(arguments) > 1 and arguments[0][:1] == "-":
            option = arguments.pop(0)
            if option in ("-X", "-W", "--check-hash-based-pycs"):
                del arguments[0]
            elif not option.startswith(("-X", "-W")):
                last = option[1:].lstrip("BEIObdiqsSuvxPR")
                if last in ("c", "m"):
                    return last, arguments[0], arguments[1:]
                if last or option == "-":
                    break
        return None, "", ()

    def is_bundled(name):
        try:
            return name in toc or _frozen_importlib._find_spec(name, None) is not None
        except Exception:
            return False

    def forget(*names):
        for name in ("_pyi_main_co", "_pyi_starting", *names):
            main.__dict__.pop(name, None)

    def run_code(text, rest):
        helper = text.startswith(("from multiprocessing.", "import sys; from multiprocessing."))
        if helper and "multiprocessing" not in toc:
            return
        if not helper:
            words = text.replace(",", " ").replace(";", " ").split()[:2]
            if len(words) < 2 or words[0] not in ("import", "from"):
                return
            if not is_child() or not is_bundled(words[1].partition(".")[0]):
                return
        try:
            code = compile(text, "<string>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return
        sys.argv[:] = ["-c", *rest]
        forget("__file__")
        exec(code, main.__dict__)
        sys.exit()

    def run_module(name, rest):
        where = name if name in toc and toc[name][0] == 0 else name + ".__main__"
        if where not in toc or not is_child() or not is_bundled("runpy"):
            return
        library = getattr(sys, "stdlib_module_names", ())
        if where in library and "__main__" not in pyz_archive.extract(where).co_consts:
            return  # no program: the name of a module such as csv is a likely argument for other ends
        import runpy

        forget()
        sys.argv[1:] = rest
        runpy._run_module_as_main(name)
        sys.exit()

    def fix_up_main(spawn):
        """Let children of a script find their main module, which no file holds, as in multiprocessing.spawn."""
        original = spawn._fixup_main_from_path

        def fixup_main_from_path(main_path):
            if main_path != path:
                original(main_path)
            elif script and sys.modules["__main__"].__name__ != "__mp_main__":
                spawn.old_main_modules.append(sys.modules["__main__"])
                found = type(sys)("__mp_main__")
                found.__file__ = path
                found.__loader__ = main.__loader__  # it reads the code from the next attribute
                sys.modules["__main__"] = sys.modules["__mp_main__"] = found
                found._pyi_main_co = code = pyz_archive.extract("__mp_main__")
                _imp._fix_co_filename(code, path)
                exec(code, found.__dict__)

        spawn._fixup_main_from_path = fixup_main_from_path
        spawn.WINEXE = (
            False  # Windows has none of it for a frozen program, whose main module has no file
        )

    class Main(type(main)):
        """Sees the moment between the bootloader's reading of the entry script and the script's first line."""

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "_pyi_main_co":
                super().__setattr__("__class__", Main.__base__)
                self.__file__ = path
                _imp._fix_co_filename(value, path)

    main.__file__ = path
    spawn = sys.modules.get(
        "multiprocessing.spawn"
    )  # where it is bundled, PyInstaller's hook has imported it
    if spawn is not None and not module:
        fix_up_main(spawn)
    if len(sys.argv) > 1:
        if sys.argv[1] == "--multiprocessing-fork" and spawn is not None:
            spawn.freeze_support()
        option, text, rest = command()
        if option is not None:
            (run_code if option == "c" else run_module)(text, rest)
    if module:
        package = module.rpartition(".")[0]
        where = __import__(package, fromlist=["__path__"]).__path__ if package else None
        main.__spec__ = _frozen_importlib._find_spec(module, where)
        main.__package__ = package
        loader = main.__loader__  # it knows the entry by "__main__" alone
        get_code = loader.get_code
        loader.get_code = lambda name: get_code("__main__" if name == module else name)
    main.__class__ = Main

# mypy: ignore-errors


def _pyi_surroundings(ca_file, ca_path, ca_files):
    """What the bootloader and the building machine left in the environment is put right."""
    import os
    import sys

    # A program may replace builtins.open while it runs (Temporal's workflow sandbox does, to forbid it). The importer,
    # and a traceback that asks it for a source, must not fall over that: unfrozen ones keep an open() of their own.
    import pyimod01_archive  # pants: no-infer-dep
    import pyimod02_importers  # pants: no-infer-dep

    pyimod01_archive.open = pyimod02_importers.open = open

    # The bootloader points the dynamic linker at the bundle. It has done its work when Python runs (the linker reads
    # the variable once, at the start of a process); children are other programs and must not load the bundle's
    # libraries.
    environ = os.environ
    for name in ("LD_LIBRARY_PATH", "LIBPATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH"):
        original = environ.pop(name + "_ORIG", None)
        if original is not None:
            environ[name] = original
        elif environ.get(name, "").split(os.pathsep)[0] == sys._MEIPASS:
            rest = os.pathsep.join(environ[name].split(os.pathsep)[1:])
            if rest:
                environ[name] = rest
            else:
                del environ[name]

    # An interpreter gives programs exit(), quit() and help(); the bootloader's does not run what adds them.
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()

    # OpenSSL looks for certificates where the building machine has them. Another distribution has them elsewhere.
    chosen = environ.get("SSL_CERT_FILE") or environ.get("SSL_CERT_DIR")
    found = (ca_file and os.path.isfile(ca_file)) or (
        ca_path and os.path.isdir(ca_path) and os.listdir(ca_path)
    )
    if os.name == "posix" and not chosen and not found:
        bundled = os.path.join(sys._MEIPASS, "certifi", "cacert.pem")
        for path in (*ca_files, bundled):
            if os.path.isfile(path):
                environ["SSL_CERT_FILE"] = path
                break

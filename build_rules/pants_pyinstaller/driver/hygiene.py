"""The runtime hook that every binary runs first: what a well-behaved program does for its surroundings."""

from __future__ import annotations

CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL 6 and newer
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL 7 and newer, Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE, SLES
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
    "/etc/pki/tls/cacert.pem",  # OpenELEC
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
)
"""Where distributions keep the bundle of trusted certificates (the list that Go's crypto/x509 and openssl-probe
use)."""

_SOURCE = """
def _hygiene(CA_FILE, CA_PATH, CA_FILES):
    import os
    import sys

    environ = os.environ

    # A program may replace builtins.open while it runs (Temporal's workflow sandbox does, to forbid it). The importer,
    # and a traceback that asks it for a source, must not fall over that: unfrozen ones keep an open() of their own.
    import pyimod01_archive
    import pyimod02_importers

    pyimod01_archive.open = pyimod02_importers.open = open

    # The bootloader points the dynamic linker at the bundle. It has done its work when Python runs (the linker reads
    # the variable once, at the start of a process); children are other programs and must not load the bundle's
    # libraries.
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

    # OpenSSL looks for certificates where the building machine has them. Another distribution has them elsewhere.
    if os.name == "posix" and not environ.get("SSL_CERT_FILE") and not environ.get("SSL_CERT_DIR"):
        if not (CA_FILE and os.path.isfile(CA_FILE)) and not (
            CA_PATH and os.path.isdir(CA_PATH) and os.listdir(CA_PATH)
        ):
            bundled = os.path.join(sys._MEIPASS, "certifi", "cacert.pem")
            for path in CA_FILES + (bundled,):
                if os.path.isfile(path):
                    environ["SSL_CERT_FILE"] = path
                    break

    # A one-file program is the child of the process that unpacked it. When that one is killed, nothing else would tell
    # the child, nor remove the unpacked files.
    unpacked = os.path.basename(sys._MEIPASS).startswith("_MEI")
    if unpacked and sys.platform == "linux":
        parent = os.getppid()
        try:
            import ctypes
            import signal

            ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            pass
        else:
            import atexit

            owner = os.getpid()

            def remove_unpacked():
                if os.getpid() == owner and os.getppid() != parent:
                    import shutil

                    shutil.rmtree(sys._MEIPASS, ignore_errors=True)

            atexit.register(remove_unpacked)

    elif unpacked and sys.platform == "win32":
        import _thread
        import _winapi
        import signal

        def follow(parent):
            _winapi.WaitForSingleObject(parent, _winapi.INFINITE)
            signal.raise_signal(signal.SIGBREAK)  # what an orderly stop is asked for by on Windows

        try:
            _thread.start_new_thread(follow, (_winapi.OpenProcess(0x00100000, False, os.getppid()),))  # SYNCHRONIZE
        except OSError:
            signal.raise_signal(signal.SIGBREAK)  # it is gone already


_hygiene(CA_FILE, CA_PATH, CA_FILES)
del _hygiene
"""


_LAZY_SOURCE = """
def _lazy(modules, files, early, open=open):
    import os
    import sys
    import zlib
    import _thread

    import pyimod02_importers

    locks = {}
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=locks.clear)  # whoever held one does not exist there
    root = sys._MEIPASS

    def unpack(dest):
        path = os.path.join(root, *dest.split("/"))
        with locks.setdefault(dest, _thread.RLock()):
            if os.path.exists(path):
                return
            offset, length, size = files[dest]
            archive = pyimod02_importers.pyz_archive
            temporary = path + ".%d" % os.getpid()
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(archive._filename, "rb") as source:
                    source.seek(archive._start_offset + offset)
                    content = zlib.decompress(source.read(length), bufsize=size)
                with open(temporary, "wb") as target:
                    target.write(content)
                os.chmod(temporary, 0o700)
                os.replace(temporary, path)
            except OSError as error:
                try:
                    os.unlink(temporary)
                except OSError:
                    pass
                raise ImportError(
                    "cannot unpack %s (%.1f MB) into %s: %s. Make room there, or let TMPDIR name another directory."
                    % (dest, size / 1e6, root, error.strerror or error)
                ) from error

    def ahead(names):
        for name in names:
            for dest in modules.get(name, ()):
                try:
                    unpack(dest)
                except Exception:
                    return  # the import itself will say it

    class Unpacker:
        '''Unpacks an extension module and the libraries that it loads when it is first looked for.

        An import of a first-party module that will come to such a module starts it in a thread: unpacking needs no
        interpreter lock, so another core does it while this one imports what comes before.
        '''

        @staticmethod
        def find_spec(name, path=None, target=None):
            coming = [item for item in early.pop(name, ()) if item in modules]
            if coming:
                try:
                    _thread.start_new_thread(ahead, (coming,))
                except RuntimeError:
                    pass  # no thread to be had: each is unpacked when it is looked for
            wanted = modules.get(name)
            if wanted is not None:
                for dest in wanted:
                    unpack(dest)
                folder = os.path.dirname(os.path.join(root, *wanted[-1].split("/")))
                # PyInstaller's finder never looks again into a directory that was not there when it was first asked.
                sys.path_importer_cache.pop(folder, None)
                modules.pop(name, None)
            return None

    sys.meta_path.insert(0, Unpacker)


_lazy(LAZY_MODULES, LAZY_FILES, LAZY_EARLY)
del _lazy, LAZY_MODULES, LAZY_FILES, LAZY_EARLY
"""


def source(constants: dict[str, str]) -> str:
    """Source text of the hook.

    :param constants: ``ca_file`` and ``ca_path``: what OpenSSL of the building interpreter has compiled in.
    """
    head = f"CA_FILE = {constants['ca_file']!r}\nCA_PATH = {constants['ca_path']!r}\nCA_FILES = {CA_FILES!r}\n"
    return head + _SOURCE + "del CA_FILE, CA_PATH, CA_FILES\n"


def lazy_source(
    modules: dict[str, list[str]],
    files: dict[str, tuple[int, int, int]],
    early: dict[str, list[str]],
) -> str:
    """Source text that lets native modules stay packed until they are imported (one-file executables).

    Unpacking is what the start of a one-file program costs, and most of it is a few large libraries that the start
    does not need. They lie behind the PYZ archive's table of contents, where nothing but this hook looks.

    :param modules: extension module -> files to unpack, its own last.
    :param files: destination -> offset from the PYZ's start, length of its zlib stream and bytes once unpacked.
    :param early: first-party module -> extension modules that importing it imports, the largest first.
    """
    return (
        f"LAZY_MODULES = {modules!r}\nLAZY_FILES = {files!r}\nLAZY_EARLY = {early!r}\n"
        + _LAZY_SOURCE
    )

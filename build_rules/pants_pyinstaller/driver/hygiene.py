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
"""Where distributions keep the bundle of trusted certificates (the list that Go's crypto/x509 and openssl-probe use)."""

_SOURCE = '''
def _hygiene(CA_FILE, CA_PATH, CA_FILES):
    import os
    import sys

    environ = os.environ

    # The bootloader points the dynamic linker at the bundle. It has done its work when Python runs (the linker reads the
    # variable once, at the start of a process); children are other programs and must not load the bundle's libraries.
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
        if not (CA_FILE and os.path.isfile(CA_FILE)) and not (CA_PATH and os.path.isdir(CA_PATH) and os.listdir(CA_PATH)):
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


_hygiene(CA_FILE, CA_PATH, CA_FILES)
del _hygiene
'''


def source(constants: dict[str, str]) -> str:
    """Source text of the hook.

    :param constants: ``ca_file`` and ``ca_path``: what OpenSSL of the building interpreter has compiled in.
    """
    head = f"CA_FILE = {constants['ca_file']!r}\nCA_PATH = {constants['ca_path']!r}\nCA_FILES = {CA_FILES!r}\n"
    return head + _SOURCE + "del CA_FILE, CA_PATH, CA_FILES\n"

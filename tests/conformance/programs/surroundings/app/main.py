"""Paths, arguments, encodings, environment, certificates."""

import io
import locale
import os
import ssl
import subprocess
import sys
import tempfile

from app.facts import fact, run, this_program

CERTIFICATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ca.pem")


def child():
    sys.stdout.write("|".join(sys.argv[2:]) + "\n")
    sys.stdout.write(sys.stdin.read())


def linked(name):
    """Started by a symbolic link in another folder."""
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, name)
        os.symlink(sys.executable, link)
        command = [link, *this_program("child", "linked")[1:]]
        return run(command, cwd=folder)


def elsewhere():
    with tempfile.TemporaryDirectory() as folder:
        return run(this_program("where"), cwd=folder)[:2] == (0, os.path.realpath(folder) + "\n")


def piped(text, **environment):
    done = subprocess.run(
        this_program("child", "é", "日本"),
        input=text.encode(),
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr[-200:]


def anchors(**environment):
    os.environ.update(environment)
    try:
        return len(ssl.create_default_context().get_ca_certs())
    finally:
        for name in environment:
            del os.environ[name]


class Deleted:
    def __del__(self):
        print("deleted", os.getpid() > 0)


def interrupted():
    """Status and output of a program that Ctrl-C ends; what it wrote last is in its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "written")
        status, output, _ = run(this_program("interrupted", path))
        with open(path) as file:
            return status, output, file.read()


def main():
    fact("arguments", lambda: run(this_program("child", "a b", "", "é", "日本", "--x=1")))
    fact("by a link", lambda: linked("link"))
    fact("by a link with another alphabet", lambda: linked("prögräm ß"))
    fact("working directory", elsewhere)
    fact("stdin and stdout, UTF-8", lambda: piped("grüße\n", LC_ALL="C.UTF-8"))
    fact("stdin and stdout, PYTHONIOENCODING", lambda: piped("x\n", PYTHONIOENCODING="utf-8"))
    fact("stdout's encoding", lambda: sys.stdout.encoding)
    fact("stdout's errors", lambda: sys.stdout.errors)
    fact("file system's encoding", sys.getfilesystemencoding)
    fact("preferred encoding", lambda: locale.getpreferredencoding(False))
    fact("a file's encoding", lambda: io.TextIOWrapper(io.BytesIO()).encoding)
    fact("codecs", lambda: [b"\xe9".decode(one) for one in ("latin-1", "cp1252", "iso8859_15")])
    fact("idna", lambda: "bücher.de".encode("idna"))
    fact("libraries' path", lambda: os.environ.get("LD_LIBRARY_PATH"))
    fact(
        "variables",
        lambda: sorted(
            one for one in os.environ if one != "PYTHONPATH" and not one.startswith("_PYI_")
        ),
    )
    fact("environment of a child", lambda: run(["/bin/sh", "-c", "echo $LD_LIBRARY_PATH"]))
    fact("anchors of a file", lambda: anchors(SSL_CERT_FILE=CERTIFICATE, SSL_CERT_DIR="/absent"))
    fact("TLS", lambda: ssl.create_default_context().verify_mode.name)
    fact("flags", lambda: str(sys.flags.isolated + sys.flags.dev_mode + sys.flags.optimize))
    fact("warning options", lambda: sys.warnoptions)
    fact("recursion", sys.getrecursionlimit)
    fact("exit handler", lambda: run(this_program("handlers")))
    fact("ended by exit()", lambda: run(this_program("exit")))
    fact("interrupted", interrupted)
    fact("output that cannot be written", unwritten)
    fact("deleted at the end", lambda: run(this_program("deleted")))


def unwritten():
    with open("/dev/full", "w") as full:
        done = subprocess.run(this_program("handlers"), stdout=full, stderr=subprocess.DEVNULL)
    return done.returncode


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "where":
        print(os.getcwd())
    elif sys.argv[1] == "handlers":
        import atexit

        atexit.register(print, "ended")
        print("began")
    elif sys.argv[1] == "exit":
        exit(3)
    elif sys.argv[1] == "deleted":
        kept = Deleted()
    elif sys.argv[1] == "interrupted":
        import signal

        written = open(sys.argv[2], "w")  # noqa: SIM115 - the interpreter closes it
        written.write("the whole")
        print("began")
        signal.raise_signal(signal.SIGINT)
    else:
        child()

"""`__main__`, `sys.argv[0]` and programs that start themselves."""

import argparse
import dataclasses
import inspect
import os
import pickle
import runpy
import signal
import subprocess
import sys

from app.facts import fact, run, this_program


@dataclasses.dataclass
class Job:
    number: int

    def ask(self):
        return inspect.getmodule(inspect.currentframe()).__name__


def ended(how):
    if how == "exit":
        sys.exit(3)
    if how == "text":
        sys.exit("a reason")
    if how == "exception":
        raise RuntimeError("not caught")
    if how == "at once":
        os._exit(5)
    if how == "abort":
        os.abort()
    if how == "wait":
        print("ready", flush=True)
        signal.pause()
    if how == "handle":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print("ready", flush=True)
        signal.pause()
    if how == "restart":
        command = this_program("child", "ä b")
        os.execv(command[0], command)
    if how == "child":
        print("child", *sys.argv[2:])


def signalled(how, number):
    process = subprocess.Popen(
        this_program(how), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    process.communicate(timeout=120)
    return process.returncode


def main():
    fact("name", lambda: __name__)
    fact("package", lambda: __package__)
    fact("name of the specification", lambda: __spec__ and __spec__.name)
    fact("file", lambda: os.path.basename(__file__))
    fact("documentation", lambda: sys.modules["__main__"].__doc__)
    fact("__main__ is this module", lambda: sys.modules["__main__"].Job is Job)
    fact("module of a class", lambda: Job.__module__)
    fact("a pickled object", lambda: pickle.loads(pickle.dumps(Job(1))))
    fact("module of a frame", lambda: Job(1).ask())
    fact("module of a function", lambda: inspect.getmodule(main).__name__)
    fact(
        "code by the loader",
        lambda: __loader__.get_code(__spec__.name if __spec__ else "__main__").co_name,
    )
    fact("argparse's name", lambda: argparse.ArgumentParser().prog)
    fact("argv[0] exists", lambda: os.path.isfile(sys.argv[0]))
    fact("argv[0] is absolute", lambda: os.path.isabs(sys.argv[0]))
    fact("executable exists", lambda: os.path.isfile(sys.executable))
    first = [sys.argv[0]] if getattr(sys, "frozen", False) else [sys.executable, sys.argv[0]]
    fact("argv[0] starts it", lambda: run([*first, "child"]))
    fact("the executable starts it", lambda: run(this_program("child", "x y", "")))
    fact("restarted by exec", lambda: run(this_program("restart")))
    fact("another module by runpy", lambda: runpy.run_module("app.other")["VALUE"])
    for how in ("exit", "text", "at once"):
        fact(f"ended by {how}", lambda how=how: run(this_program(how)))
    fact(
        "ended by an exception",
        lambda: (
            lambda done: (
                done[0],
                [line for line in done[2].splitlines() if "[PYI" not in line][-1],
            )
        )(run(this_program("exception"))),
    )
    fact("ended by abort", lambda: run(this_program("abort"))[0])
    fact("SIGTERM", lambda: signalled("wait", signal.SIGTERM))
    fact("SIGINT", lambda: signalled("wait", signal.SIGINT))
    fact("SIGTERM, handled", lambda: signalled("handle", signal.SIGTERM))
    import app.main as again

    fact("imported once more", lambda: (again.__name__, again.Job is Job))


if __name__ == "__main__":
    ended(sys.argv[1]) if len(sys.argv) > 1 else main()

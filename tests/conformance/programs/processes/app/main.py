"""Workers, children that outlive their parents, and threads that start them."""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time

from app.facts import fact, run, this_program


class Job:
    """Pickled by reference to `__main__`."""

    def __init__(self, number):
        self.number = number

    def __call__(self):
        import decimal  # not imported before

        return int(decimal.Decimal(self.number) * 2)


def double(number):
    return Job(number)()


def answer(queue):
    queue.put(("answer", multiprocessing.current_process().name))


class Worker(multiprocessing.Process):
    def run(self):
        sys.exit(4)


def pool(method):
    with multiprocessing.get_context(method).Pool(2) as workers:
        return workers.map(double, range(3)), workers.apply(Job(21))


def target(method):
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=answer, args=(queue,), name="named")
    process.start()
    found = queue.get()
    process.join()
    return found, process.exitcode


def from_threads(method):
    """Each thread ends while the worker that it started goes on."""
    context = multiprocessing.get_context(method)
    go = context.Event()
    started = []

    def start():
        process = context.Process(target=go.wait)
        process.start()
        started.append(process)

    for _ in range(2):
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
    go.set()
    for process in started:
        process.join()
    return [process.exitcode for process in started]


def manager():
    with multiprocessing.Manager() as made:
        shared = made.dict(a=1)
        shared["b"] = 2
        return dict(shared)


def shared_memory():
    from multiprocessing import shared_memory as module

    memory = module.SharedMemory(create=True, size=4)
    memory.buf[:4] = b"abcd"
    other = module.SharedMemory(memory.name)
    found = bytes(other.buf)
    other.close()
    memory.close()
    memory.unlink()
    return found


def executor(method):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as workers:
        return list(workers.map(double, [4, 5]))


def nested():
    """A worker whose own child outlives it; then the program still works."""
    with multiprocessing.get_context("spawn").Pool(1) as workers:
        path = workers.apply(start_orphan)
    wait_for(path)
    import sqlite3  # not imported before

    return sqlite3.connect(":memory:").execute("select 7").fetchone()


def start_orphan():
    path = os.path.join(tempfile.mkdtemp(), "orphan")
    subprocess.Popen(this_program("orphan", path, str(os.getpid())), stdout=subprocess.DEVNULL)
    return path


def orphan(path, parent):
    """Runs on when its parent has ended, and imports what it had not."""
    while os.getppid() == int(parent):
        time.sleep(0.01)
    import csv
    import sqlite3

    text = f"{csv.__name__} {sqlite3.connect(':memory:').execute('select 1').fetchone()}"
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def wait_for(path):
    for _ in range(6000):
        if os.path.exists(path):
            with open(path) as file:
                return file.read()
        time.sleep(0.02)
    return "nothing"


def daemon(path):
    """Goes into the background, as daemons do."""
    if os.fork():
        return
    parent = os.getpid()
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    orphan(path, parent)


def background():
    path = os.path.join(tempfile.mkdtemp(), "daemon")
    done = run(this_program("daemon", path))
    return done, wait_for(path)


def main():
    for method in ("spawn", "fork", "forkserver"):
        fact(f"pool, {method}", lambda method=method: pool(method))
        fact(f"target, {method}", lambda method=method: target(method))
        fact(f"threads that start workers, {method}", lambda method=method: from_threads(method))
        fact(f"executor, {method}", lambda method=method: executor(method))
    fact(
        "a subclass of Process", lambda: (lambda p: (p.start(), p.join(), p.exitcode)[2])(Worker())
    )
    fact("manager", manager)
    fact("shared memory", shared_memory)
    fact("a grandchild that outlives its parent", nested)
    fact("a daemon", background)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        fact(
            "children of threads",
            lambda: list(threads.map(lambda _: run(this_program("child")), range(2))),
        )
    fact("start method", multiprocessing.get_start_method)
    fact(
        "a module of the library as a program",
        lambda: run([sys.executable, "-m", "calendar", "2024", "1"])[:2],
    )
    fact(
        "code, with nothing in the environment",
        lambda: run([sys.executable, "-c", "import sys; print(sys.argv[1:])", "x"], env={})[:2],
    )


if __name__ == "__main__":
    multiprocessing.freeze_support()
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "orphan":
        orphan(*sys.argv[2:])
    elif sys.argv[1] == "daemon":
        daemon(sys.argv[2])
    else:
        print("child")

"""A worker with processes of its own, started as a program, over a queue in files."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main(folder: str) -> None:
    os.environ["QUEUE_FOLDER"] = folder
    for name in ("queue", "control", "results"):
        Path(folder, name).mkdir()
    from celery import chain, group

    import tasks

    itself = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, __file__]
    log = Path(folder, "worker.log")
    with log.open("wb") as output:
        worker = subprocess.Popen([*itself, "worker"], stdout=output, stderr=output)
    try:
        print(tasks.add.delay(2, 3).get(timeout=120))
        print(chain(tasks.add.s(1, 2), tasks.add.s(10)).apply_async().get(timeout=120))
        print(group(tasks.add.s(i, i) for i in range(3)).apply_async().get(timeout=120))
        print(tasks.flaky.delay().get(timeout=120))
        print(tasks.process_id.delay().get(timeout=120) not in (worker.pid, os.getpid()))
    except Exception:
        sys.stderr.write(log.read_text())
        raise
    finally:
        worker.terminate()
        print("worker ended with", worker.wait(120))
    print(
        tasks.add.name, sorted(name for name in tasks.app.tasks if not name.startswith("celery."))
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        import tasks

        tasks.app.worker_main(
            ["worker", "--pool=prefork", "--concurrency=1", "--loglevel=INFO", "--without-mingle"]
        )
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(folder)

"""Work in processes, in threads, a cache on disk, and compressed files."""

import multiprocessing
import tempfile
from pathlib import Path

from joblib import Memory, Parallel, delayed, dump, hash, load, parallel_config


def square(number: int) -> int:
    return number * number


if __name__ == "__main__":
    multiprocessing.freeze_support()
    print(Parallel(n_jobs=2)(delayed(square)(i) for i in range(8)))
    with parallel_config(backend="multiprocessing", n_jobs=2):
        print(sum(Parallel()(delayed(square)(i) for i in range(8))))
    print(Parallel(n_jobs=2, prefer="threads")(delayed(len)("x" * i) for i in range(4)))
    print(list(Parallel(n_jobs=2, return_as="generator")(delayed(lambda x: -x)(i) for i in (1, 2))))
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(folder, verbose=0)
        calls: list[int] = []

        @memory.cache(ignore=["log"])
        def slow(number: int, log: list[int]) -> int:
            log.append(number)
            return number + 1

        print(slow(1, calls), slow(1, calls), slow(2, calls), calls)
        path = Path(folder, "object.pkl.gz")
        dump({"a": list(range(100))}, path, compress=3)
        print(load(path)["a"][-1])
    print(hash([1, 2, {"three": 3}]))

"""Counts letters of words in worker processes: `worker "one two three"`."""

import multiprocessing
import os
import sys


def main() -> None:
    words = " ".join(sys.argv[1:]).split()
    context = multiprocessing.get_context("spawn")
    with context.Pool(int(os.environ.get("WORKERS", "2"))) as pool:
        for word, length in zip(words, pool.map(len, words)):
            print(word, length)

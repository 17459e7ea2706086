"""Patched sockets, a server on loopback, a pool, a subprocess, and DNS by c-ares."""

from gevent import monkey

monkey.patch_all()

import subprocess  # noqa: E402
import urllib.request  # noqa: E402

import gevent  # noqa: E402
from gevent.event import AsyncResult  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from gevent.queue import Queue  # noqa: E402
from gevent.threadpool import ThreadPool  # noqa: E402


def answer(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


def get(path: str) -> bytes:
    return urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{path}").read()


server = WSGIServer(("127.0.0.1", 0), answer, log=None)
server.start()
print(Pool(3).map(get, ["a", "b", "c"]))
server.stop()
queue: Queue = Queue()
gevent.joinall([gevent.spawn(queue.put, i) for i in range(3)])
print(sorted(queue.get() for _ in range(3)))
result: AsyncResult = AsyncResult()
gevent.spawn_later(0.01, result.set, "later")
print(result.get(timeout=60), ThreadPool(2).spawn(lambda: 42).get())
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
print(monkey.is_module_patched("socket"), type(gevent.get_hub().loop).__module__)
from gevent.resolver.ares import Resolver  # noqa: E402

print(Resolver().getaddrinfo("127.0.0.1", 80)[0][4])
try:
    with gevent.Timeout(0.01):
        gevent.sleep(60)
except gevent.Timeout as error:
    print(type(error).__name__)

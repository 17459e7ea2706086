"""A page driven by its own test frame, and the server with its front end on loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SCRIPT = str(Path(__file__).resolve().parent / "scripts/page.py")


def serve(port: str) -> None:
    from streamlit.web import bootstrap

    bootstrap.load_config_options(
        {
            "server_port": int(port),
            "server_address": "127.0.0.1",
            "server_headless": True,
            "browser_gatherUsageStats": False,
            "global_developmentMode": False,
        }
    )
    bootstrap.run(SCRIPT, False, [], {})


def get(url: str, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        try:
            return urllib.request.urlopen(url, timeout=60).read().decode()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def main() -> None:
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(SCRIPT, default_timeout=120).run()
    print(page.title[0].value, page.slider[0].value, len(page.exception))
    page.slider[0].set_value(5)
    print(page.button[0].click().run().markdown[0].value)
    print(page.sidebar.selectbox[0].options, page.dataframe[0].value["a"].tolist())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    itself = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, __file__]
    server = subprocess.Popen([*itself, "serve", port], stdout=subprocess.DEVNULL)
    print(get(f"http://127.0.0.1:{port}/_stcore/health", server))
    print("<title>" in get(f"http://127.0.0.1:{port}/", server))
    server.send_signal(signal.SIGTERM)
    print(server.wait(120) in (0, -signal.SIGTERM))


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "127.0.0.1"
    serve(sys.argv[2]) if sys.argv[1:2] == ["serve"] else main()

"""uvicorn with two workers, which import the application by its name; then its test client."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import uvicorn
from fastapi.testclient import TestClient


def serve(port: int) -> None:
    uvicorn.run("api:app", host="127.0.0.1", port=port, workers=2, log_level="warning")


def answered(url: str) -> httpx.Response:
    for _ in range(600):
        try:
            return httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    itself = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, __file__]
    server = subprocess.Popen([*itself, "serve", str(port)])
    base = f"http://127.0.0.1:{port}"
    print(answered(base).json())
    pids = {answered(f"{base}/pid").json() for _ in range(20)}
    print("workers", not pids & {os.getpid(), server.pid}, 1 <= len(pids) <= 2)
    for item in (
        {"name": "tea", "price": 1.5},
        {"name": "x", "price": -1},
        {"name": "none", "price": 1},
    ):
        answer = httpx.post(f"{base}/items?limit=5", json=item, trust_env=False)
        print(answer.status_code, answer.json())
    files = {"file": ("a.txt", b"content")}
    print(httpx.post(f"{base}/upload", files=files, data={"note": "n"}, trust_env=False).json())
    print(sorted(answered(f"{base}/openapi.json").json()["paths"]))
    server.send_signal(signal.SIGINT)
    print("ended with", server.wait(120))
    from api import app

    with TestClient(app) as client, client.websocket_connect("/ws") as session:
        session.send_text("shout")
        print(session.receive_text())


if __name__ == "__main__":
    multiprocessing.freeze_support()
    serve(int(sys.argv[2])) if sys.argv[1:2] == ["serve"] else main()

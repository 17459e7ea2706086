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


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    itself = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, __file__]
    server = subprocess.Popen([*itself, "serve", str(port)])
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=100)
    while server.poll() is None:
        try:
            print(client.get("/").json())
            break
        except httpx.TransportError:
            time.sleep(0.1)
    pids = {client.get("/pid").json() for _ in range(5)}
    print("workers", not pids & {os.getpid(), server.pid})
    items = {"name": "tea", "price": 1.5}, {"name": "x", "price": -1}, {"name": "none", "price": 1}
    for item in items:
        answer = client.post("/items?limit=5", json=item)
        print(answer.status_code, answer.json())
    print(client.post("/upload", files={"file": ("a.txt", b"text")}, data={"note": "n"}).json())
    print(sorted(client.get("/openapi.json").json()["paths"]))
    client.close()
    server.send_signal(signal.SIGINT)
    print("ended with", server.wait(200))
    from api import app

    with TestClient(app) as test, test.websocket_connect("/ws") as session:
        session.send_text("shout")
        print(session.receive_text())


if __name__ == "__main__":
    multiprocessing.freeze_support()
    serve(int(sys.argv[2])) if sys.argv[1:2] == ["serve"] else main()

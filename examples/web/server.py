"""A web server with a template: `web` serves on a free port of 127.0.0.1 and prints its address."""

from flask import Flask, render_template
from werkzeug.serving import make_server

app = Flask(__name__)


@app.get("/<name>")
def index(name: str) -> str:
    return render_template("index.html", name=name)


def main() -> None:
    server = make_server("127.0.0.1", 0, app)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()

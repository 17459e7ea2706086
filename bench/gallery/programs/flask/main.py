"""Templates, static files, sessions, a command line, and requests to a server on loopback."""

import threading
import urllib.request
from pathlib import Path

import click
from flask import Blueprint, Flask, abort, flash, jsonify, render_template, session
from werkzeug.serving import make_server

app = Flask(__name__)
app.secret_key = "key"
api = Blueprint("api", __name__, url_prefix="/api")


@app.get("/hello/<name>")
def hello(name: str) -> str:
    session["name"] = name
    flash("greeted")
    return render_template("page.html", name=name)


@api.post("/double/<int:number>")
def double(number: int):
    return jsonify(doubled=number * 2) if number else abort(422)


@app.cli.command("count")
@click.argument("number", type=int)
def count(number: int) -> None:
    click.echo(f"counted {number}")


app.register_blueprint(api)
client = app.test_client()
print(client.get("/hello/ada").text)
print(client.post("/api/double/21").json, client.post("/api/double/0").status)
print(sorted(rule.rule for rule in app.url_map.iter_rules()))
print(app.test_cli_runner().invoke(args=["count", "3"]).output)
print(Path(app.root_path) == Path(__file__).resolve().parent)
server = make_server("127.0.0.1", 0, app, threaded=True)
thread = threading.Thread(target=server.serve_forever)
thread.start()
for path in ("hello/bob", "static/style.css"):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{path}", timeout=60) as answer:
        print(answer.status, answer.headers["Content-Type"], answer.read().decode().strip())
server.shutdown()
thread.join()

"""Up- and downloads against a server on loopback, signed URLs, and errors."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY


class Handler(BaseHTTPRequestHandler):
    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if "missing" in self.path:
            self.answer(404, b'{"error": {"message": "no"}}')
        elif "alt=media" in self.path:
            self.answer(200, b"content")
        else:
            self.answer(200, json.dumps({"items": [{"name": "a"}, {"name": "b"}]}).encode())

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        print("posted", b"text" in self.rfile.read(length))
        self.answer(200, b'{"name": "made", "size": "4"}')

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
options = ClientOptions(api_endpoint=f"http://127.0.0.1:{server.server_port}")
client = storage.Client("project", AnonymousCredentials(), client_options=options)
bucket = client.bucket("bucket")
print([blob.name for blob in client.list_blobs(bucket)])
print(bucket.blob("a").download_as_bytes(checksum=None))
made = bucket.blob("made")
made.upload_from_string("text", checksum="crc32c")
print(made.size, made.public_url.rsplit("/", 1)[1])
try:
    bucket.blob("missing").reload()
except NotFound as error:
    print(error.code, type(error).__name__)
policy = DEFAULT_RETRY.with_timeout(5)
print(policy.timeout, storage.__version__.count("."))
batch = client.batch()
print(type(batch).__module__, storage.constants.STANDARD_STORAGE_CLASS)

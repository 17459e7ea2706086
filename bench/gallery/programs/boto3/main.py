"""Clients, signed URLs, paginators, waiters and a request to a server on loopback."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError
from botocore.stub import Stubber


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path.startswith("/bucket/key")
        body = b"content" if found else b"<Error><Code>NoSuchKey</Code></Error>"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
session = boto3.Session("access", "secret", region_name="eu-central-1")
config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={})
s3 = session.client("s3", endpoint_url=f"http://127.0.0.1:{server.server_port}", config=config)
print(s3.get_object(Bucket="bucket", Key="key")["Body"].read())
try:
    s3.get_object(Bucket="bucket", Key="other")
except ClientError as error:
    print(error.response["Error"]["Code"], type(error).__name__)
print(s3.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}).split("?")[1][:24])
print(len(session.get_available_services()) > 300, session.get_available_resources()[:3])
print(
    "eu-central-1" in session.get_available_regions("dynamodb"), s3.get_waiter("bucket_exists").name
)
table = session.resource("dynamodb").Table("items")
print(table.name, session.resource("s3").Bucket("b").Object("k").key)
ec2 = session.client("ec2")
with Stubber(ec2) as stub:
    stub.add_response("describe_regions", {"Regions": [{"RegionName": "here"}]})
    print(ec2.describe_regions()["Regions"])
try:
    ec2.run_instances(MinCount="many", MaxCount=1)
except ParamValidationError as error:
    print(str(error).splitlines()[0])
print(session.client("sts").meta.endpoint_url, [p for p in ("sqs", "lambda") if session.client(p)])
try:
    session.client("sqs", endpoint_url="http://127.0.0.1:9", config=config).list_queues()
except EndpointConnectionError as error:
    print(type(error).__name__)

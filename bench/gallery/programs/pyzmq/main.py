"""Requests and replies over loopback, a device in a thread, asyncio, and an authenticated socket."""

import asyncio
import threading

import zmq
import zmq.asyncio
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator


def serve(context: zmq.Context, socket: zmq.Socket) -> None:
    for _ in range(2):
        socket.send_json({"doubled": socket.recv_json()["number"] * 2})
    socket.close()


context = zmq.Context()
reply = context.socket(zmq.REP)
port = reply.bind_to_random_port("tcp://127.0.0.1")
thread = threading.Thread(target=serve, args=(context, reply))
thread.start()
request = context.socket(zmq.REQ)
request.connect(f"tcp://127.0.0.1:{port}")
for number in (3, 21):
    request.send_json({"number": number})
    print(request.recv_json())
thread.join()
request.close()


async def publish() -> None:
    made = zmq.asyncio.Context()
    sender, receiver = made.socket(zmq.PUSH), made.socket(zmq.PULL)
    receiver.connect(f"tcp://127.0.0.1:{sender.bind_to_random_port('tcp://127.0.0.1')}")
    await sender.send_multipart([b"topic", b"body"])
    print(await receiver.recv_multipart())
    made.destroy()


asyncio.run(publish())
public, secret = zmq.curve_keypair()
print("curve", len(public), zmq.curve_public(secret) == public)
authenticator = ThreadAuthenticator(context)
authenticator.start()
authenticator.stop()
context.term()
print("libzmq", zmq.zmq_version_info()[0], zmq.has("curve"))

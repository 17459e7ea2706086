"""Completions of a server on loopback, streamed too; prices, tokens, a router and its errors."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
from litellm import Router, completion, completion_cost, token_counter  # noqa: E402


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
        head = {"id": "1", "created": 0, "model": asked["model"]}
        if asked.get("stream"):
            parts = [({"content": "a"}, None), ({"content": "b"}, None), ({}, "stop")]
            chunks = [
                {
                    **head,
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
                }
                for delta, reason in parts
            ]
            body = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
        else:
            message = {
                "role": "assistant",
                "content": f"answer to {asked['messages'][-1]['content']}",
            }
            choices = [{"index": 0, "finish_reason": "stop", "message": message}]
            body = json.dumps(
                {**head, "object": "chat.completion", "choices": choices, "usage": usage}
            )
        status = 401 if asked["model"] == "forbidden" else 200
        self.send_response(status)
        self.send_header(
            "Content-Type", "text/event-stream" if asked.get("stream") else "application/json"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
where = {
    "api_base": f"http://127.0.0.1:{server.server_port}/v1",
    "api_key": "key",
    "num_retries": 0,
}
messages = [{"role": "user", "content": "question"}]
litellm.suppress_debug_info = True
answer = completion("openai/gpt-4o", messages, **where)
print(answer.choices[0].message.content, round(completion_cost(answer, model="gpt-4o"), 8))
print(
    "".join(
        one.choices[0].delta.content or ""
        for one in completion("openai/gpt-4o", messages, stream=True, **where)
    )
)
print(token_counter("gpt-4o", messages=messages), litellm.get_max_tokens("gpt-4o"))
print(litellm.encode(model="gpt-3.5-turbo", text="hello world"))
try:
    completion("openai/forbidden", messages, **where)
except litellm.AuthenticationError as error:
    print(type(error).__name__, error.status_code)
router = Router(
    [{"model_name": "fast", "litellm_params": {"model": "openai/gpt-4o-mini", **where}}]
)
print(router.completion("fast", messages).choices[0].message.content)
print(litellm.get_llm_provider("anthropic/claude-sonnet-4-5")[1], len(litellm.model_cost) > 500)
print(litellm.supports_vision("gpt-4o"), litellm.get_supported_openai_params("gpt-4o")[:2])

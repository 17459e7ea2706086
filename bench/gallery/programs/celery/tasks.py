"""The tasks that the worker finds by the name of this module."""

import os

from celery import Celery

app = Celery("tasks", include=["tasks"])
folder = os.environ["QUEUE_FOLDER"]
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": f"{folder}/queue",
        "data_folder_out": f"{folder}/queue",
        "control_folder": f"{folder}/control",
    },
    result_backend=f"file://{folder}/results",
    task_serializer="json",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task(
    bind=True, autoretry_for=(KeyError,), max_retries=2, retry_backoff=False, default_retry_delay=0
)
def flaky(self) -> int:
    if self.request.retries < 1:
        raise KeyError("once more")
    return self.request.retries


@app.task
def process_id() -> int:
    return os.getpid()

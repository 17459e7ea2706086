"""The application that each worker imports by its name."""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, Form, HTTPException, UploadFile, WebSocket
from pydantic import BaseModel, Field


class Item(BaseModel):
    name: str = Field(min_length=2)
    price: float = Field(gt=0)


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.ready = True
    yield


def limit(limit: int = 10) -> int:
    return min(limit, 100)


app = FastAPI(title="Gallery", lifespan=lifespan)


@app.get("/")
async def root() -> dict[str, object]:
    return {"ready": app.state.ready, "loop": type(asyncio.get_running_loop()).__module__}


@app.get("/pid")
def pid() -> int:
    return os.getpid()


@app.post("/items", status_code=201)
async def create(item: Item, limit: Annotated[int, Depends(limit)], tasks: BackgroundTasks) -> Item:
    tasks.add_task(int, 0)
    if item.name == "none":
        raise HTTPException(404, "no such item")
    return item


@app.post("/upload")
async def upload(file: UploadFile, note: Annotated[str, Form()]) -> dict[str, object]:
    return {"size": len(await file.read()), "note": note}


@app.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text((await socket.receive_text()).upper())
    await socket.close()

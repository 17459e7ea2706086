import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str


@app.post("/items")
def create(item: Item) -> Item:
    return item


print(sorted(app.openapi()["paths"]), uvicorn.Config(app, port=0).host)

"""A collection on disk, queried by vector, by text and by metadata, with its own embedding function."""

import tempfile

import chromadb
from chromadb.api.types import EmbeddingFunction
from chromadb.config import Settings
from chromadb.errors import NotFoundError


class Lengths(EmbeddingFunction):
    def __init__(self) -> None:
        pass

    def __call__(self, input):
        return [[float(len(text)), float(text.count("a"))] for text in input]

    @staticmethod
    def name() -> str:
        return "lengths"

    def get_config(self):
        return {}

    @staticmethod
    def build_from_config(config):
        return Lengths()


settings = Settings(anonymized_telemetry=False)
with tempfile.TemporaryDirectory() as folder:
    client = chromadb.PersistentClient(folder, settings=settings)
    made = client.create_collection(
        "texts", embedding_function=Lengths(), metadata={"hnsw:space": "l2"}
    )
    made.add(
        ids=["1", "2", "3"],
        documents=["a", "aaaa", "bbbbbbbb"],
        metadatas=[{"n": 1}, {"n": 2}, {"n": 3}],
    )
    print(made.query(query_texts=["aaa"], n_results=2)["ids"])
    print(
        made.query(query_embeddings=[[8.0, 0.0]], n_results=1, where={"n": {"$gt": 2}})["documents"]
    )
    print(made.get(where_document={"$contains": "bb"})["ids"], made.count())
    made.update(ids=["1"], documents=["zzzzz"])
    made.delete(where={"n": 2})
    print(made.peek()["ids"], [one.name for one in client.list_collections()])
    try:
        client.get_collection("missing")
    except NotFoundError as error:
        print(type(error).__name__)
print(chromadb.EphemeralClient(settings).heartbeat() > 0)

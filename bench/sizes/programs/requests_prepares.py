import requests

with requests.Session() as session:
    print(
        session.prepare_request(
            requests.Request("GET", "http://localhost/a", params={"b": "ü"})
        ).url
    )

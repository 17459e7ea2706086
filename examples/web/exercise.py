"""What a user does, once: the build runs it unfrozen and frozen and compares what it prints."""

from web.server import app

page = app.test_client().get("/exercise")
print(page.status_code)
print(page.get_data(as_text=True))

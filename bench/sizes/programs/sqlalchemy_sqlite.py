from sqlalchemy import create_engine, text

with create_engine("sqlite://").connect() as connection:
    print(connection.execute(text("select 6 * 7")).scalar())

"""Mapped classes in SQLite, and statements for PostgreSQL and MySQL through their drivers."""

from sqlalchemy import ForeignKey, create_engine, event, func, insert, select
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author", order_by="Book.title")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


engine = create_engine("sqlite://")
seen: list[str] = []
event.listen(engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Author(name="Ada", books=[Book(title="Second"), Book(title="First")]))
    session.commit()
    print([book.title for book in session.scalars(select(Author)).one().books])
    print(session.execute(select(func.count(), func.max(Book.title))).one())
    session.add(Author(name="Ada"))
    try:
        session.commit()
    except IntegrityError as error:
        print(type(error.orig).__name__)
print(len(seen) > 5)
upsert = postgresql.insert(Author).values(name="Bob").on_conflict_do_nothing()
print(upsert.compile(dialect=postgresql.dialect()))
print(insert(Author).values(name="Bob").compile(dialect=mysql.dialect()))
for url in ("postgresql+psycopg://u@127.0.0.1:1/d", "mysql+pymysql://u@127.0.0.1:1/d"):
    other = create_engine(url)
    print(other.dialect.name, other.dialect.driver)
    try:
        other.connect()
    except OperationalError as error:
        print(type(error.orig).__module__.split(".")[0], "refused" in str(error))

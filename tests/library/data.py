"""The rows that the tests start from: the same in each run, on each database, but for the generated keys.

Every kind of relation has rows with something and rows with nothing at its end, and targets that several rows share.
What would make a plain loop raise is left to the tests: no copy stands on a scrapped shelf, and no key dangles.
"""

import datetime
import uuid

from tests.library.models import (
    Archive,
    Author,
    Book,
    Branch,
    Category,
    City,
    Comment,
    Continent,
    Contribution,
    Copy,
    Country,
    Film,
    Imprint,
    Loan,
    Medium,
    Membership,
    Portrait,
    Profile,
    Pseudonym,
    Publisher,
    Reader,
    Record,
    Review,
    Screening,
    Series,
    Shelf,
    Street,
    Supplier,
    Tag,
)

FIRST_DAY = datetime.date(2020, 1, 1)


def day(number: int) -> datetime.date:
    return FIRST_DAY + datetime.timedelta(days=number)


def populate() -> None:
    """Fill every table of the library, on the current database."""
    branches = add_places()
    authors = add_authors()
    books = add_books(authors)
    readers = add_readers(branches, books)
    add_copies_and_loans(branches, books, readers)
    add_comments(books, authors, branches, readers)
    add_media(authors, branches)


def add_places() -> list[Branch]:
    """Five branches in four streets, four cities, three countries and two continents."""
    europe, asia = Continent.objects.bulk_create([Continent(name=name) for name in ("Europe", "Asia")])
    norway, france, japan = Country.objects.bulk_create(
        Country(name=name, continent=continent)
        for name, continent in [("Norway", europe), ("France", europe), ("Japan", asia)]
    )
    oslo, lyon, kyoto, _ = City.objects.bulk_create(
        City(name=name, country=country)
        for name, country in [("Oslo", norway), ("Lyon", france), ("Kyoto", japan), ("Nara", japan)]
    )
    streets = Street.objects.bulk_create(
        Street(name=name, city=city)
        for name, city in [("Storgata", oslo), ("Markveien", oslo), ("Rue Mercière", lyon), ("Sanjō", kyoto)]
    )
    return Branch.objects.bulk_create(
        Branch(name=name, street=streets[number % 4])
        for number, name in enumerate(["Central", "North", "Lyon", "Kyoto", "Harbour"])
    )


def add_authors() -> list[Author]:
    """Eight authors: half with a mentor, five with a profile, two with a portrait, the last one alone."""
    archives = Archive.objects.bulk_create([Archive(shelfmark=mark, column_01=mark * 20) for mark in ("A1", "B2")])
    names = ["Ada", "Bo", "Cleo", "Dag", "Eva", "Finn", "Gro", "Hal"]
    authors = Author.objects.bulk_create(
        Author(name=name, archive=archives[number % 2] if number < 5 else None) for number, name in enumerate(names)
    )
    for number in (1, 2, 4, 5):
        authors[number].mentor = authors[number // 3]
    Author.objects.bulk_update(authors, ["mentor"])
    for one, other in [(0, 1), (0, 2), (3, 4)]:
        authors[one].friends.add(authors[other])
    for one, other in [(1, 0), (2, 0), (5, 0), (0, 5), (4, 3)]:
        authors[one].follows.add(authors[other])

    cities = list(City.objects.order_by("pk"))
    Profile.objects.bulk_create(
        Profile(author=author, biography=f"{author} was born.", city=cities[number % 2] if number % 3 else None)
        for number, author in enumerate(authors[:5])
    )
    Pseudonym.objects.bulk_create(
        Pseudonym(name=name, author=author) for name, author in [("X", authors[0]), ("Y", authors[3]), ("Z", None)]
    )
    Portrait.objects.bulk_create(Portrait(author=author, painter="Munch") for author in authors[1:3])
    return authors


def add_books(authors: list[Author]) -> list[Book]:
    """Sixteen books of the first six authors: some without publisher, imprint, category, translator, tags or series."""
    oslo, lyon = City.objects.order_by("pk")[:2]
    publishers = Publisher.objects.bulk_create(
        Publisher(name=name, city=city)
        for name, city in [("Aurora", oslo), ("Beta", oslo), ("Cygne", lyon), ("Drift", None), ("Empty", None)]
    )
    imprints = Imprint.objects.bulk_create(
        Imprint(code=code, name=f"Imprint {code}", publisher=publisher)
        for code, publisher in [("NOIR", publishers[0]), ("KIDS", publishers[0]), ("POEM", publishers[2])]
    )
    fiction = Category.objects.create(name="Fiction")
    crime = Category.objects.create(name="Crime", parent=fiction)
    categories = [fiction, crime, Category.objects.create(name="Nordic", parent=crime), None]

    books = Book.objects.bulk_create(
        Book(
            title=f"Book {number:02}",
            pages=120 + 60 * (number % 7),
            published=day(40 * (number % 11)),
            summary=f"What happens in book {number}.",
            author=authors[number % 6],
            publisher=publishers[number % 4] if number % 5 else None,
            imprint=imprints[number % 3] if number % 4 else None,
            category=categories[number % 4],
            translator=authors[7 - number % 3] if number % 3 == 1 else None,
        )
        for number in range(16)
    )
    add_tags(books)
    Contribution.objects.bulk_create(
        Contribution(book=book, author=authors[(number + step) % 7], role=role, position=step)
        for number, book in enumerate(books)
        for step, role in enumerate(("editor", "illustrator", "reader")[: number % 4])
    )
    for name, members in [("Blue", books[:4]), ("Green", books[2:9]), ("Unwritten", [])]:
        Series.objects.create(name=name).books.add(*members)
    Review.objects.bulk_create(
        Review(classic_id=book.pk, stars=1 + (number + step) % 5)
        for number, book in enumerate(books[:6])
        for step in range(number % 3)
    )
    return books


def add_tags(books: list[Book]) -> None:
    """Up to three tags a book, none for each seventh; one tag is never used."""
    tags = Tag.objects.bulk_create([Tag(name=name) for name in ("old", "new", "rare", "sad", "unused")])
    tagging = Book.tags.through
    tagging.objects.bulk_create(
        tagging(book=book, tag=tags[(number + step) % 4])
        for number, book in enumerate(books)
        if number % 7
        for step in range(1 + number % 3)
    )


def add_readers(branches: list[Branch], books: list[Book]) -> list[Reader]:
    """Five readers, the last one without branch, wishes and memberships."""
    readers = Reader.objects.bulk_create(
        Reader(
            id=uuid.uuid5(uuid.NAMESPACE_OID, name),
            name=name,
            branch=branches[number % 3] if number < 4 else None,
        )
        for number, name in enumerate(["Ines", "Jan", "Kari", "Liv", "Mo"])
    )
    for number, reader in enumerate(readers[:4]):
        reader.wishes.add(*books[number : number + 3])
    Membership.objects.bulk_create(
        Membership(reader=reader, branch=branch, since=day(number))
        for number, reader in enumerate(readers[:4])
        for branch in branches[: 1 + number % 3]
    )
    return readers


def add_copies_and_loans(branches: list[Branch], books: list[Book], readers: list[Reader]) -> None:
    """Up to three copies a book, some on no shelf; loans of half of them, due in pairs on the same day."""
    shelves = Shelf.with_scrapped.bulk_create(
        Shelf(name=name, branch=branches[number % 4], scrapped=name == "Old")
        for number, name in enumerate(["North wall", "South wall", "Cellar", "Old"])
    )
    suppliers = Supplier.objects.bulk_create([Supplier(name=name) for name in ("Paper Ltd", "Ink AS")])
    numbers = [(book, copy) for book in range(16) for copy in range(book % 4)]
    copies = Copy.objects.bulk_create(
        Copy(
            book=books[book],
            shelf=shelves[(book + copy) % 3] if (book + copy) % 5 else None,
            supplier=suppliers[(book + copy) % 2],
        )
        for book, copy in numbers
    )
    Loan.objects.bulk_create(
        Loan(copy=copy, reader=readers[number % 4], due=day(number // 2)) for number, copy in enumerate(copies[::2])
    )


def add_comments(books: list[Book], authors: list[Author], branches: list[Branch], readers: list[Reader]) -> None:
    """Comments on books, authors and branches, in turn; on some nothing, and some by nobody."""
    subjects = [*books[:5], *books[:2], *authors[:3], authors[0], *branches[:2]]
    in_turn = sorted(enumerate(subjects), key=lambda item: (item[0] % 4, item[0]))
    Comment.objects.bulk_create(
        Comment(text=f"Comment {number}", subject=subject, writer=readers[number % 4] if number % 3 else None)
        for number, (_, subject) in enumerate(in_turn)
    )


def add_media(authors: list[Author], branches: list[Branch]) -> None:
    """Three films, two records, and a medium that is neither; two films are on show."""
    publishers = list(Publisher.objects.order_by("pk"))
    tags = list(Tag.objects.order_by("pk"))
    films = [
        Film.objects.create(title=f"Film {number}", director=authors[number % 2], minutes=90, publisher=publisher)
        for number, publisher in enumerate([publishers[0], publishers[0], None])
    ]
    for number, publisher in enumerate([publishers[1], None]):
        Record.objects.create(title=f"Record {number}", label="Vinyl", publisher=publisher)
    trailer = Medium.objects.create(title="Trailer", publisher=publishers[2])
    films[0].tags.add(*tags[:2])
    trailer.tags.add(tags[0])
    Screening.objects.bulk_create(
        Screening(film=film, branch=branch, trailer=trailer if number else None)
        for number, (film, branch) in enumerate(
            [(films[0], branches[0]), (films[0], branches[1]), (films[1], branches[0])]
        )
    )

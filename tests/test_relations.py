"""Every kind of relation, and mixes of them: the queries a view takes plain, cold and warm, and equal results.

Each row of the table is a view. Its counts are those of the data in `tests/library/data.py`: eight authors, sixteen
books, and so on. Where SQL promises no order, the view sorts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType

from autoprefetch import auto
from tests.equivalence.comparing import plain_cold_warm, raised
from tests.library.models import (
    Author,
    Book,
    Branch,
    Category,
    Comment,
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
    Review,
    Screening,
    Series,
    Street,
    Tag,
)


@dataclass(frozen=True)
class Row:
    """One row of the table: a view, and the queries that it takes."""

    view: Callable[[], Any]
    plain: int
    cold: int
    warm: int


TABLE: list[Row] = []


def takes(plain: int, *, cold: int, warm: int) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Put a view into the table. Cold, the first load of each relation of each level is answered for all peers."""
    assert warm <= cold <= plain

    def enter(view: Callable[[], Any]) -> Callable[[], Any]:
        TABLE.append(Row(view, plain, cold, warm))
        return view

    return enter


# Foreign keys -------------------------------------------------------------------------------------------------------


@takes(17, cold=2, warm=1)
def foreign_key() -> Any:
    """A foreign key is joined where the ordering is total."""
    return [(book.title, book.author.name) for book in auto(Book.objects.all())]


@takes(13, cold=2, warm=1)
def nullable_foreign_key() -> Any:
    """A row without a publisher stays in the result."""
    return [(book.title, book.publisher and book.publisher.name) for book in auto(Book.objects.all())]


@takes(13, cold=2, warm=1)
def foreign_key_to_another_field() -> Any:
    """A foreign key with `to_field` is joined by that field."""
    return [(book.title, book.imprint and book.imprint.name) for book in auto(Book.objects.all())]


@takes(6, cold=2, warm=1)
def hidden_foreign_key() -> Any:
    """A foreign key without a name for the way back is a foreign key."""
    return [book.translator and book.translator.name for book in auto(Book.objects.all())]


@takes(5, cold=2, warm=1)
def foreign_key_to_self() -> Any:
    return [author.mentor and author.mentor.name for author in auto(Author.objects.all())]


@takes(7, cold=3, warm=1)
def foreign_key_to_self_twice() -> Any:
    """The mentor's mentor is one more join."""
    mentors = [author.mentor for author in auto(Author.objects.all())]
    return [mentor and mentor.mentor and mentor.mentor.name for mentor in mentors]


@takes(7, cold=2, warm=1)
def foreign_key_to_a_proxy() -> Any:
    """A foreign key to a proxy gives the proxy's class."""
    reviews = auto(Review.objects.order_by("pk"))
    return [(review.stars, type(review.classic).__name__, review.classic.title) for review in reviews]


@takes(4, cold=2, warm=1)
def foreign_key_to_an_inheriting_child() -> Any:
    """A child of multi-table inheritance brings its parent's columns along."""
    screenings = auto(Screening.objects.order_by("pk"))
    return [(screening.film.title, screening.film.minutes) for screening in screenings]


@takes(3, cold=2, warm=1)
def foreign_key_to_an_inherited_parent() -> Any:
    return [s.trailer and (type(s.trailer).__name__, s.trailer.title) for s in auto(Screening.objects.order_by("pk"))]


@takes(5, cold=2, warm=2)
def foreign_key_without_a_total_ordering() -> Any:
    """A join might change the order of rows with equal keys, so it is prefetched."""
    return sorted((branch.name, branch.street.name) for branch in auto(Branch.objects.order_by("name")[1:6]))


@takes(8, cold=2, warm=2)
def foreign_key_of_a_composite_primary_key_without_an_ordering() -> Any:
    return sorted((str(m.since), m.reader.name) for m in auto(Membership.objects.all()))


# Composite primary keys ---------------------------------------------------------------------------------------------


@takes(8, cold=2, warm=1)
def foreign_key_of_a_composite_primary_key() -> Any:
    """A composite primary key makes an ordering total."""
    return [(m.since, m.reader.name) for m in auto(Membership.objects.order_by("pk"))]


@takes(15, cold=3, warm=1)
def both_foreign_keys_of_a_composite_primary_key() -> Any:
    """A `__str__` that follows both."""
    return [str(m) for m in auto(Membership.objects.order_by("reader_id", "branch_id"))]


@takes(6, cold=2, warm=2)
def reverse_foreign_key_to_a_composite_primary_key() -> Any:
    readers = auto(Reader.objects.order_by("pk"))
    return [sorted(membership.branch_id for membership in reader.memberships.all()) for reader in readers]


# One-to-one ---------------------------------------------------------------------------------------------------------


@takes(6, cold=2, warm=1)
def one_to_one() -> Any:
    return [(profile.biography, profile.author.name) for profile in auto(Profile.objects.order_by("pk"))]


@takes(9, cold=2, warm=1)
def reverse_one_to_one() -> Any:
    """An author without a profile raises the same exception, with the same message."""
    return [raised(lambda a=author: a.profile.biography) for author in auto(Author.objects.all())]


@takes(9, cold=2, warm=1)
def reverse_one_to_one_asked_with_hasattr() -> Any:
    return [author.name for author in auto(Author.objects.all()) if hasattr(author, "profile")]


@takes(3, cold=2, warm=1)
def nullable_one_to_one() -> Any:
    return [(p.name, p.author and p.author.name) for p in auto(Pseudonym.objects.order_by("pk"))]


@takes(9, cold=2, warm=1)
def reverse_of_a_nullable_one_to_one() -> Any:
    return [raised(lambda a=author: a.pseudonym.name) for author in auto(Author.objects.all())]


@takes(3, cold=2, warm=1)
def one_to_one_that_is_the_primary_key() -> Any:
    return [(portrait.painter, portrait.author.name) for portrait in auto(Portrait.objects.order_by("pk"))]


@takes(9, cold=2, warm=1)
def reverse_of_a_one_to_one_that_is_the_primary_key() -> Any:
    return [raised(lambda a=author: a.portrait.painter) for author in auto(Author.objects.all())]


@takes(7, cold=2, warm=1)
def down_to_an_inheriting_child() -> Any:
    """Three media are films; the others raise."""
    return [raised(lambda m=medium: m.film.minutes) for medium in auto(Medium.objects.order_by("pk"))]


@takes(10, cold=3, warm=1)
def down_to_each_inheriting_child() -> Any:
    """What people write who do without a polymorphic library."""
    media = auto(Medium.objects.order_by("pk"))
    return [m.film.minutes if hasattr(m, "film") else hasattr(m, "record") and m.record.label for m in media]


@takes(1, cold=1, warm=1)
def up_to_the_inherited_parent() -> Any:
    """Django builds the parent from the child's own columns, without a query."""
    return [film.medium_ptr.title for film in auto(Film.objects.order_by("pk"))]


# To-many ------------------------------------------------------------------------------------------------------------


@takes(9, cold=2, warm=2)
def reverse_foreign_key() -> Any:
    return [[book.title for book in author.books.all()] for author in auto(Author.objects.all())]


@takes(15, cold=2, warm=2)
def reverse_foreign_key_tested_and_measured() -> Any:
    """Truth and `len()` of `.all()` load the rows, each time anew when nothing is prefetched."""
    return [bool(author.books.all()) and len(author.books.all()) for author in auto(Author.objects.all())]


@takes(4, cold=2, warm=2)
def reverse_foreign_key_to_another_field() -> Any:
    return [[book.title for book in imprint.books.all()] for imprint in auto(Imprint.objects.all())]


@takes(9, cold=2, warm=2)
def reverse_foreign_key_to_self() -> Any:
    return [[pupil.name for pupil in author.pupils.all()] for author in auto(Author.objects.all())]


@takes(6, cold=2, warm=2)
def reverse_foreign_key_of_the_inherited_parent() -> Any:
    """The publisher's media, some of them films."""
    publishers = auto(Publisher.objects.order_by("pk"))
    return [sorted(medium.title for medium in publisher.media.all()) for publisher in publishers]


@takes(4, cold=2, warm=2)
def reverse_foreign_key_with_its_default_name() -> Any:
    """`comment_set`, of the three content types that have comments."""
    content_types = auto(ContentType.objects.filter(app_label="library", model__in=["author", "book", "branch"]))
    return [len(content_type.comment_set.all()) for content_type in content_types.order_by("pk")]


@takes(17, cold=2, warm=2)
def many_to_many() -> Any:
    return [sorted(tag.name for tag in book.tags.all()) for book in auto(Book.objects.all())]


@takes(6, cold=2, warm=2)
def many_to_many_from_behind() -> Any:
    return [[book.title for book in tag.books.all()] for tag in auto(Tag.objects.order_by("pk"))]


@takes(17, cold=2, warm=2)
def many_to_many_with_its_default_name_from_behind() -> Any:
    """`series_set` is cached under its query name, `series`."""
    return [sorted(series.name for series in book.series_set.all()) for book in auto(Book.objects.all())]


@takes(4, cold=2, warm=2)
def many_to_many_without_a_name_from_the_front() -> Any:
    return [[book.title for book in series.books.all()] for series in auto(Series.objects.order_by("pk"))]


@takes(17, cold=2, warm=2)
def many_to_many_through() -> Any:
    return [sorted(author.name for author in book.contributors.all()) for book in auto(Book.objects.all())]


@takes(9, cold=2, warm=2)
def many_to_many_through_from_behind() -> Any:
    return [sorted(book.title for book in author.contributed_to.all()) for author in auto(Author.objects.all())]


@takes(17, cold=2, warm=2)
def the_through_rows_themselves() -> Any:
    return [sorted(c.role for c in book.contributions.all()) for book in auto(Book.objects.all())]


@takes(9, cold=2, warm=2)
def symmetrical_many_to_many_to_self() -> Any:
    return [[friend.name for friend in author.friends.all()] for author in auto(Author.objects.all())]


@takes(9, cold=2, warm=2)
def many_to_many_to_self() -> Any:
    return [[other.name for other in author.follows.all()] for author in auto(Author.objects.all())]


@takes(9, cold=2, warm=2)
def many_to_many_to_self_from_behind() -> Any:
    return [[other.name for other in author.followers.all()] for author in auto(Author.objects.all())]


@takes(17, cold=3, warm=3)
def many_to_many_to_self_both_ways() -> Any:
    """The two ways are two relations."""
    authors = auto(Author.objects.all())
    return [([a.name for a in author.follows.all()], [a.name for a in author.followers.all()]) for author in authors]


@takes(4, cold=2, warm=2)
def many_to_many_of_the_inherited_parent() -> Any:
    return [sorted(tag.name for tag in film.tags.all()) for film in auto(Film.objects.order_by("pk"))]


@takes(6, cold=2, warm=2)
def many_to_many_of_a_uuid_key() -> Any:
    return [[book.title for book in reader.wishes.all()] for reader in auto(Reader.objects.order_by("pk"))]


@takes(17, cold=2, warm=2)
def many_to_many_of_a_uuid_key_from_behind() -> Any:
    return [sorted(str(reader.pk) for reader in book.wished_by.all()) for book in auto(Book.objects.all())]


# Generic relations --------------------------------------------------------------------------------------------------


@takes(14, cold=4, warm=4)
def generic_foreign_key() -> Any:
    """One query for each model that comments are about."""
    comments = auto(Comment.objects.order_by("pk"))
    return [(type(comment.subject).__name__, comment.subject.pk is not None) for comment in comments]


@takes(17, cold=2, warm=2)
def generic_relation() -> Any:
    return [sorted(comment.text for comment in book.comments.all()) for book in auto(Book.objects.all())]


@takes(9, cold=2, warm=2)
def generic_relation_of_another_model() -> Any:
    return [sorted(comment.text for comment in author.comments.all()) for author in auto(Author.objects.all())]


# Mixes, nested ------------------------------------------------------------------------------------------------------


@takes(21, cold=5, warm=1)
def chain_of_four_foreign_keys() -> Any:
    branches = auto(Branch.objects.order_by("pk"))
    return [(branch.name, branch.street.city.country.continent.name) for branch in branches]


@takes(16, cold=4, warm=1)
def chain_behind_a_str() -> Any:
    return [str(branch.street) for branch in auto(Branch.objects.order_by("pk"))]


@takes(22, cold=3, warm=1)
def chain_behind_a_property() -> Any:
    return [book.publisher_city for book in auto(Book.objects.all())]


@takes(4, cold=3, warm=1)
def tree_climbed_to_its_root() -> Any:
    """A chain whose length depends on the row."""
    return [str(category) for category in auto(Category.objects.order_by("pk"))]


@takes(41, cold=4, warm=1)
def several_foreign_keys_side_by_side() -> Any:
    return [(str(book), str(book.publisher), str(book.imprint), book.pages) for book in auto(Book.objects.all())]


@takes(22, cold=3, warm=1)
def the_same_target_by_two_foreign_keys() -> Any:
    """The author and the translator of a book are two joins of one table."""
    return [(str(book.author), str(book.translator)) for book in auto(Book.objects.all())]


@takes(9, cold=3, warm=2)
def chain_without_a_total_ordering() -> Any:
    """The rows of a prefetched to-one are found by key, so what is below them is joined."""
    return sorted((street.name, street.city.country.name) for street in auto(Street.objects.order_by("name")))


@takes(7, cold=3, warm=1)
def foreign_key_of_the_inherited_parent_of_a_target() -> Any:
    screenings = auto(Screening.objects.order_by("pk"))
    return [screening.film.publisher and screening.film.publisher.name for screening in screenings]


@takes(6, cold=3, warm=1)
def foreign_keys_of_a_child_and_of_its_parent() -> Any:
    """A child of multi-table inheritance has its own relations and its parent's."""
    return [(f.director.name, f.publisher and f.publisher.name) for f in auto(Film.objects.order_by("pk"))]


@takes(10, cold=3, warm=1)
def down_to_a_child_and_on() -> Any:
    media = auto(Medium.objects.order_by("pk"))
    return [m.film.director.name for m in media if hasattr(m, "film")]


@takes(15, cold=4, warm=1)
def reverse_one_to_one_then_foreign_keys() -> Any:
    authors = auto(Author.objects.all())
    return [raised(lambda a=author: a.profile.city and a.profile.city.country.name) for author in authors]


@takes(33, cold=3, warm=1)
def foreign_key_then_reverse_one_to_one() -> Any:
    return [raised(lambda b=book: b.author.profile.biography) for book in auto(Book.objects.all())]


@takes(6, cold=2, warm=1)
def one_to_one_there_and_back() -> Any:
    """The way back to where one came from costs nothing, plain or warm."""
    return [profile.author.profile.biography for profile in auto(Profile.objects.order_by("pk"))]


@takes(33, cold=3, warm=2)
def to_many_under_a_foreign_key() -> Any:
    return [[other.title for other in book.author.books.all()] for book in auto(Book.objects.all())]


@takes(37, cold=4, warm=2)
def to_many_under_two_foreign_keys() -> Any:
    books = auto(Book.objects.exclude(imprint=None))
    return [sorted(str(medium) for medium in book.imprint.publisher.media.all()) for book in books]


@takes(5, cold=3, warm=2)
def to_many_under_a_reverse_one_to_one() -> Any:
    portraits = auto(Portrait.objects.order_by("pk"))
    return [[pupil.name for pupil in portrait.author.pupils.all()] for portrait in portraits]


@takes(21, cold=3, warm=2)
def foreign_key_under_a_reverse_foreign_key() -> Any:
    """Books are totally ordered, so what is below them is joined to the query that prefetches them."""
    authors = auto(Author.objects.all())
    return [[(book.title, str(book.publisher)) for book in author.books.all()] for author in authors]


@takes(42, cold=5, warm=2)
def foreign_keys_under_a_reverse_foreign_key() -> Any:
    authors = auto(Author.objects.all())
    return [[(book.publisher_city, str(book.imprint)) for book in author.books.all()] for author in authors]


@takes(36, cold=3, warm=3)
def foreign_key_under_a_reverse_foreign_key_without_an_ordering() -> Any:
    """Copies have no ordering, so what is below them is prefetched."""
    books = auto(Book.objects.all())
    return [sorted((copy.pk, str(copy.shelf)) for copy in book.copies.all()) for book in books]


@takes(9, cold=2, warm=2)
def the_parent_that_a_child_came_from() -> Any:
    """`book.author` of `author.books` is known to Django already, plain and warm."""
    return [[book.author.name for book in author.books.all()] for author in auto(Author.objects.all())]


@takes(13, cold=3, warm=2)
def what_lies_beyond_the_parent_that_a_child_came_from() -> Any:
    return [[str(book.author.mentor) for book in author.books.all()] for author in auto(Author.objects.all())]


@takes(15, cold=3, warm=2)
def foreign_key_under_a_many_to_many() -> Any:
    series = auto(Series.objects.order_by("pk"))
    return [[(book.title, book.author.name) for book in one.books.all()] for one in series]


@takes(73, cold=4, warm=3)
def foreign_key_under_a_many_to_many_with_its_default_name() -> Any:
    books = auto(Book.objects.filter(pages__lt=400))
    return [[sorted(b.author.name for b in s.books.all()) for s in book.series_set.all()] for book in books]


@takes(18, cold=3, warm=3)
def many_to_many_under_many_to_many() -> Any:
    readers = auto(Reader.objects.order_by("pk"))
    return [[sorted(tag.name for tag in book.tags.all()) for book in reader.wishes.all()] for reader in readers]


@takes(31, cold=3, warm=3)
def many_to_many_and_back() -> Any:
    tags = auto(Tag.objects.order_by("pk"))
    return [[sorted(str(other) for other in book.tags.all()) for book in tag.books.all()] for tag in tags]


@takes(55, cold=4, warm=3)
def through_rows_and_whom_they_lead_to() -> Any:
    books = auto(Book.objects.all())
    return [
        sorted((c.position, c.author.name, str(c.author.mentor)) for c in book.contributions.all()) for book in books
    ]


@takes(36, cold=4, warm=4)
def three_to_many_levels() -> Any:
    """Publishers, their books, the copies of those, the loans of those: a query for each level."""
    publishers = auto(Publisher.objects.order_by("pk"))
    return [
        [[[str(loan.due) for loan in copy.loans.all()] for copy in by_key(book.copies.all())] for book in p.books.all()]
        for p in publishers
    ]


@takes(45, cold=5, warm=5)
def three_to_many_levels_and_a_foreign_key() -> Any:
    publishers = auto(Publisher.objects.order_by("pk"))
    return [
        [[sorted(loan.reader.name for loan in c.loans.all()) for c in by_key(b.copies.all())] for b in p.books.all()]
        for p in publishers
    ]


@takes(33, cold=3, warm=3)
def two_to_many_relations_side_by_side() -> Any:
    return [(len(book.tags.all()), len(book.copies.all())) for book in auto(Book.objects.all())]


@takes(26, cold=4, warm=3)
def to_many_then_to_one_then_to_many() -> Any:
    series = auto(Series.objects.order_by("pk"))
    return [[[b.title for b in book.author.books.all()] for book in one.books.all()] for one in series]


@takes(25, cold=7, warm=4)
def generic_foreign_key_then_foreign_keys() -> Any:
    """Each model that comments are about has relations of its own."""

    def place(subject: Any) -> str:
        if isinstance(subject, Book):
            return subject.author.name
        return subject.street.city.name if isinstance(subject, Branch) else subject.name

    return [place(comment.subject) for comment in auto(Comment.objects.order_by("pk"))]


@takes(21, cold=5, warm=5)
def generic_foreign_key_then_to_many() -> Any:
    comments = auto(Comment.objects.order_by("pk"))
    return [sorted(str(tag) for tag in c.subject.tags.all()) for c in comments if isinstance(c.subject, Book)]


@takes(22, cold=5, warm=4)
def generic_foreign_key_beside_a_foreign_key() -> Any:
    comments = auto(Comment.objects.order_by("pk"))
    return [(str(comment.writer), type(comment.subject).__name__) for comment in comments]


@takes(14, cold=4, warm=4)
def generic_foreign_key_under_a_reverse_foreign_key() -> Any:
    """Readers, their comments, what those are about: books and authors and branches."""
    readers = auto(Reader.objects.order_by("pk"))
    return [sorted(type(comment.subject).__name__ for comment in reader.comments.all()) for reader in readers]


@takes(29, cold=4, warm=3)
def generic_relation_then_foreign_keys() -> Any:
    books = auto(Book.objects.all())
    return [sorted(str(c.writer and c.writer.branch) for c in book.comments.all()) for book in books]


@takes(24, cold=3, warm=3)
def generic_relation_and_back() -> Any:
    """Django does not know that `comment.subject` of `book.comments` is the book."""
    return [[comment.subject.title for comment in book.comments.all()] for book in auto(Book.objects.all())]


@takes(13, cold=3, warm=3)
def composite_primary_key_under_to_many() -> Any:
    readers = auto(Reader.objects.order_by("pk"))
    return [sorted(str(m.branch) for m in reader.memberships.all()) for reader in readers]


@takes(25, cold=3, warm=3)
def chain_of_unlike_relations() -> Any:
    """A caller's `__str__` on top of a manager that joins, with an ordering that has ties."""
    return sorted(str(loan) for loan in auto(Loan.objects.all()))


@takes(22, cold=4, warm=2)
def two_querysets_of_one_view() -> Any:
    """Each has a plan of its own."""
    authors = [str(author.mentor) for author in auto(Author.objects.all())]
    return authors, [str(book) for book in auto(Book.objects.all())]


@takes(4, cold=4, warm=1)
def single_row() -> Any:
    """A single row needs no ordering: what it leads to is joined."""
    branch = auto(Branch.objects).get(name="Central")
    return branch.name, branch.street.city.country.name


@takes(2, cold=2, warm=2)
def to_many_of_a_single_row() -> Any:
    """One lazy load of a set is one query, loaded ahead or not."""
    author = auto(Author).get(name="Ada")
    return [book.title for book in author.books.all()]


@takes(4, cold=3, warm=2)
def to_one_under_to_many_of_a_single_row() -> Any:
    author = auto(Author).get(name="Ada")
    return [(book.title, str(book.publisher)) for book in author.books.all()]


@takes(1, cold=1, warm=1)
def no_rows() -> Any:
    return [book.author.name for book in auto(Book.objects.filter(title="not there"))]


def by_key(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row.pk)


# The table -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.view.__name__)
def test_relation(row: Row, database: str) -> None:
    """A view returns the same plain, cold and warm, and takes the queries that the table says."""
    plain, cold, warm = plain_cold_warm(row.view)
    assert plain.error is None
    assert (plain.queries, cold.queries, warm.queries) == (row.plain, row.cold, row.warm), (
        f"cold: {cold.log}\nwarm: {warm.log}"
    )

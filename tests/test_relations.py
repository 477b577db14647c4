"""Every kind of relation, and mixes of them: how many queries a view takes plain, cold and warm, and that it says the same.

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
    Copy,
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


def takes(plain: int, *, warm: int, cold: int | None = None) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Put a view into the table. Cold, every lazy load still is a query of its own, unless `cold` says otherwise."""

    def enter(view: Callable[[], Any]) -> Callable[[], Any]:
        TABLE.append(Row(view, plain, plain if cold is None else cold, warm))
        return view

    return enter


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.view.__name__)
def test_each_relation_takes_the_queries_of_an_expert_when_warm(row: Row, database: str) -> None:
    """A view returns the same plain, cold and warm, and takes the queries that the table says."""
    plain, cold, warm = plain_cold_warm(row.view)
    assert plain.error is None
    assert (plain.queries, cold.queries, warm.queries) == (row.plain, row.cold, row.warm), warm.log


# Foreign keys -------------------------------------------------------------------------------------------------------


@takes(17, warm=1)
def foreign_key() -> Any:
    """A foreign key is joined where the ordering is total."""
    return [(book.title, book.author.name) for book in auto(Book.objects.all())]


@takes(13, warm=1)
def nullable_foreign_key() -> Any:
    """A row without a publisher stays in the result."""
    return [(book.title, book.publisher and book.publisher.name) for book in auto(Book.objects.all())]


@takes(13, warm=1)
def foreign_key_to_another_field() -> Any:
    """A foreign key with `to_field` is joined by that field."""
    return [(book.title, book.imprint and book.imprint.name) for book in auto(Book.objects.all())]


@takes(6, warm=1)
def hidden_foreign_key() -> Any:
    """A foreign key without a name for the way back is a foreign key."""
    return [book.translator and book.translator.name for book in auto(Book.objects.all())]


@takes(5, warm=1)
def foreign_key_to_self() -> Any:
    return [author.mentor and author.mentor.name for author in auto(Author.objects.all())]


@takes(7, warm=1)
def foreign_key_to_self_twice() -> Any:
    """The mentor's mentor is one more join."""
    mentors = [author.mentor for author in auto(Author.objects.all())]
    return [mentor and mentor.mentor and mentor.mentor.name for mentor in mentors]


@takes(7, warm=1)
def foreign_key_to_a_proxy() -> Any:
    """A foreign key to a proxy gives the proxy's class."""
    reviews = auto(Review.objects.order_by("pk"))
    return [(review.stars, type(review.classic).__name__, review.classic.title) for review in reviews]


@takes(4, warm=1)
def foreign_key_to_an_inheriting_child() -> Any:
    """A child of multi-table inheritance brings its parent's columns along."""
    screenings = auto(Screening.objects.order_by("pk"))
    return [(screening.film.title, screening.film.minutes) for screening in screenings]


@takes(3, warm=1)
def foreign_key_to_an_inherited_parent() -> Any:
    return [s.trailer and (type(s.trailer).__name__, s.trailer.title) for s in auto(Screening.objects.order_by("pk"))]


@takes(6, warm=2)
def foreign_key_without_a_total_ordering() -> Any:
    """A join might change the order of rows with equal keys, so it is prefetched."""
    return sorted((branch.name, branch.street.name) for branch in auto(Branch.objects.order_by("name")[1:6]))


@takes(10, warm=2)
def foreign_key_of_a_composite_primary_key_by_its_other_columns() -> Any:
    """A foreign key that is part of a composite primary key is a foreign key."""
    return sorted((str(m.since), m.reader.name) for m in auto(Membership.objects.all()))


# Composite primary keys ---------------------------------------------------------------------------------------------


@takes(8, warm=1)
def foreign_key_of_a_composite_primary_key() -> Any:
    """A composite primary key makes an ordering total."""
    return [(m.since, m.reader.name) for m in auto(Membership.objects.order_by("pk"))]


@takes(15, warm=1)
def both_foreign_keys_of_a_composite_primary_key() -> Any:
    """A `__str__` that follows both."""
    return [str(m) for m in auto(Membership.objects.order_by("reader_id", "branch_id"))]


@takes(6, warm=2)
def reverse_foreign_key_to_a_composite_primary_key() -> Any:
    readers = auto(Reader.objects.order_by("pk"))
    return [sorted(membership.branch_id for membership in reader.memberships.all()) for reader in readers]


# One-to-one ---------------------------------------------------------------------------------------------------------


@takes(6, warm=1)
def one_to_one() -> Any:
    return [(profile.biography, profile.author.name) for profile in auto(Profile.objects.order_by("pk"))]


@takes(9, warm=1)
def reverse_one_to_one() -> Any:
    """An author without a profile raises the same exception, with the same message."""
    return [raised(lambda a=author: a.profile.biography) for author in auto(Author.objects.all())]


@takes(9, warm=1)
def reverse_one_to_one_asked_with_hasattr() -> Any:
    return [author.name for author in auto(Author.objects.all()) if hasattr(author, "profile")]


@takes(3, warm=1)
def nullable_one_to_one() -> Any:
    return [(p.name, p.author and p.author.name) for p in auto(Pseudonym.objects.order_by("pk"))]


@takes(9, warm=1)
def reverse_of_a_nullable_one_to_one() -> Any:
    return [raised(lambda a=author: a.pseudonym.name) for author in auto(Author.objects.all())]


@takes(3, warm=1)
def one_to_one_that_is_the_primary_key() -> Any:
    return [(portrait.painter, portrait.author.name) for portrait in auto(Portrait.objects.order_by("pk"))]


@takes(9, warm=1)
def reverse_of_a_one_to_one_that_is_the_primary_key() -> Any:
    return [raised(lambda a=author: a.portrait.painter) for author in auto(Author.objects.all())]


@takes(7, warm=1)
def down_to_an_inheriting_child() -> Any:
    """Three media are films; the others raise."""
    return [raised(lambda m=medium: m.film.minutes) for medium in auto(Medium.objects.order_by("pk"))]


@takes(10, warm=1)
def down_to_each_inheriting_child() -> Any:
    """What people write who do without a polymorphic library."""
    media = auto(Medium.objects.order_by("pk"))
    return [m.film.minutes if hasattr(m, "film") else hasattr(m, "record") and m.record.label for m in media]


@takes(1, warm=1)
def up_to_the_inherited_parent() -> Any:
    """Django builds the parent from the child's own columns, without a query."""
    return [film.medium_ptr.title for film in auto(Film.objects.order_by("pk"))]


# To-many ------------------------------------------------------------------------------------------------------------


@takes(9, warm=2)
def reverse_foreign_key() -> Any:
    return [[book.title for book in author.books.all()] for author in auto(Author.objects.all())]


@takes(9, warm=2)
def reverse_foreign_key_counted_from_all() -> Any:
    """`len()` and truth of `.all()` load the rows."""
    return [len(author.books.all()) if author.books.all() else None for author in auto(Author.objects.all()[6:])] + [
        len(author.books.all()) for author in auto(Author.objects.all()[:6])
    ]


@takes(4, warm=2)
def reverse_foreign_key_to_another_field() -> Any:
    return [[book.title for book in imprint.books.all()] for imprint in auto(Imprint.objects.all())]


@takes(9, warm=2)
def reverse_foreign_key_to_self() -> Any:
    return [[pupil.name for pupil in author.pupils.all()] for author in auto(Author.objects.all())]


@takes(7, warm=2)
def reverse_foreign_key_of_the_inherited_parent() -> Any:
    """A child has the relations of its parent: the publisher's media, among them films."""
    publishers = auto(Publisher.objects.order_by("pk"))
    return [sorted(medium.title for medium in publisher.media.all()) for publisher in publishers] + ["one more query"][
        : Publisher.objects.count()
    ]


@takes(4, warm=2)
def reverse_foreign_key_with_its_default_name() -> Any:
    """`comment_set`, of the three content types that have comments."""
    content_types = auto(ContentType.objects.filter(app_label="library", model__in=["author", "book", "branch"]))
    return [len(content_type.comment_set.all()) for content_type in content_types.order_by("pk")]


@takes(17, warm=2)
def many_to_many() -> Any:
    return [sorted(tag.name for tag in book.tags.all()) for book in auto(Book.objects.all())]


@takes(6, warm=2)
def many_to_many_from_behind() -> Any:
    return [[book.title for book in tag.books.all()] for tag in auto(Tag.objects.order_by("pk"))]


@takes(17, warm=2)
def many_to_many_with_its_default_name_from_behind() -> Any:
    """`series_set` is cached under its query name, `series`."""
    return [sorted(series.name for series in book.series_set.all()) for book in auto(Book.objects.all())]


@takes(4, warm=2)
def many_to_many_without_a_name_from_the_front() -> Any:
    return [[book.title for book in series.books.all()] for series in auto(Series.objects.order_by("pk"))]


@takes(17, warm=2)
def many_to_many_through() -> Any:
    return [sorted(author.name for author in book.contributors.all()) for book in auto(Book.objects.all())]


@takes(9, warm=2)
def many_to_many_through_from_behind() -> Any:
    return [sorted(book.title for book in author.contributed_to.all()) for author in auto(Author.objects.all())]


@takes(17, warm=2)
def the_through_rows_themselves() -> Any:
    return [sorted(c.role for c in book.contributions.all()) for book in auto(Book.objects.all())]


@takes(9, warm=2)
def symmetrical_many_to_many_to_self() -> Any:
    return [[friend.name for friend in author.friends.all()] for author in auto(Author.objects.all())]


@takes(9, warm=2)
def many_to_many_to_self() -> Any:
    return [[other.name for other in author.follows.all()] for author in auto(Author.objects.all())]


@takes(9, warm=2)
def many_to_many_to_self_from_behind() -> Any:
    return [[other.name for other in author.followers.all()] for author in auto(Author.objects.all())]


@takes(17, warm=3)
def many_to_many_to_self_both_ways() -> Any:
    """The two ways are two relations."""
    authors = auto(Author.objects.all())
    return [([a.name for a in author.follows.all()], [a.name for a in author.followers.all()]) for author in authors]


@takes(4, warm=2)
def many_to_many_of_the_inherited_parent() -> Any:
    return [sorted(tag.name for tag in film.tags.all()) for film in auto(Film.objects.order_by("pk"))]


@takes(6, warm=2)
def many_to_many_of_a_uuid_key() -> Any:
    return [[book.title for book in reader.wishes.all()] for reader in auto(Reader.objects.order_by("pk"))]


@takes(17, warm=2)
def many_to_many_of_a_uuid_key_from_behind() -> Any:
    return [sorted(str(reader.pk) for reader in book.wished_by.all()) for book in auto(Book.objects.all())]


# Generic relations --------------------------------------------------------------------------------------------------


@takes(14, warm=4)
def generic_foreign_key() -> Any:
    """One query for each model that comments are about."""
    comments = auto(Comment.objects.order_by("pk"))
    return [(type(comment.subject).__name__, comment.subject.pk is not None) for comment in comments]


@takes(17, warm=2)
def generic_relation() -> Any:
    return [sorted(comment.text for comment in book.comments.all()) for book in auto(Book.objects.all())]


@takes(9, warm=2)
def generic_relation_of_another_model() -> Any:
    return [sorted(comment.text for comment in author.comments.all()) for author in auto(Author.objects.all())]

"""The operators: `|`, `&`, `^`, their in-place forms, and comparisons."""

import operator

import pytest

from autoprefetch import auto
from tests.library.models import Author, Book
from tests.proxy.comparing import assert_same, assert_same_or_less

pytestmark = pytest.mark.usefixtures("library")

OPERATORS = [operator.or_, operator.and_, operator.xor, operator.ior, operator.iand, operator.ixor]


def long():
    return Book.objects.filter(pages__gte=240)


def early():
    return Book.objects.filter(title__lt="Book 09")


@pytest.mark.parametrize("combine", OPERATORS)
@pytest.mark.parametrize(
    "sides",
    [lambda wrap: (wrap(long()), early()), lambda wrap: (wrap(long()), wrap(early()))],
    ids=["left", "both"],
)
def test_combined_querysets_have_the_same_rows_and_are_automatic(combine, sides):
    """The combination has the rows and the class of Django's, and warm it joins what they load."""

    def view(wrap):
        books = combine(*sides(wrap))
        return books.__class__, [str(book) for book in books]

    assert_same(view, warm=1)


@pytest.mark.parametrize("combine", OPERATORS)
def test_a_plain_queryset_on_the_left_gives_the_same_rows(combine):
    """An automatic queryset may stand on the right of a plain one."""

    def view(wrap):
        books = combine(long(), wrap(early()))
        return books.__class__, [str(book) for book in books]

    assert_same_or_less(view)


@pytest.mark.parametrize("combine", OPERATORS)
def test_combining_changes_neither_side(combine):
    """Also in place, the other names of a queryset keep their rows."""

    def view(wrap):
        left = kept = wrap(long())
        right = wrap(early())
        left = combine(left, right)
        return [[book.title for book in books] for books in (kept, right, left)]

    assert_same(view)


@pytest.mark.parametrize("combine", OPERATORS[:3])
@pytest.mark.parametrize(
    "other",
    [
        lambda: Author.objects.all(),
        lambda: Book.objects.all()[:3],
        lambda: Book.objects.distinct(),
        lambda: Book.objects.none(),
    ],
)
def test_what_cannot_be_combined_is_refused_as_in_django(combine, other):
    """Other models, slices and the like raise the same error, or give the same rows."""
    assert_same(lambda wrap: [book.title for book in combine(wrap(long()), other())], may_raise=True)


@pytest.mark.parametrize(
    "use",
    [
        lambda books: books + books,
        lambda books: books | 1,
        lambda books: 1 | books,
        lambda books: books & [1],
        lambda books: -books,
        lambda books: ~books,
        lambda books: books * 2,
        lambda books: int(books),
        lambda books: float(books),
        lambda books: hash(books) == hash(books),
        lambda books: books == books,
        lambda books: books != books,
        lambda books: books == books.all(),
        lambda books: books == list(books),
        lambda books: [books, 1].index(books),
        lambda books: books is not None and books != None,  # noqa: E711
        lambda books: {books: 1}[books],
    ],
)
def test_other_operators_answer_as_django_does(use):
    """A queryset equals itself only, can be hashed, and knows no arithmetic."""
    assert_same(lambda wrap: use(wrap(long())), may_raise=True)


def test_a_proxy_equals_the_queryset_that_it_wraps():
    """A proxy and what it wraps are equal from both sides, and have one hash."""
    books = auto(Book.objects.all())
    assert books == books.__wrapped__
    assert books.__wrapped__ == books
    assert hash(books) == hash(books.__wrapped__)
    assert books != auto(Book.objects.all())

"""An automatic queryset inside another query: `__in`, `Subquery`, `Exists`, `Prefetch`."""

import pytest
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery

from tests.library.models import Author, Book, Comment, Tag
from tests.proxy.comparing import assert_same, assert_same_or_less

pytestmark = pytest.mark.usefixtures("library")


def few():
    return Author.objects.filter(name__in=["Ada", "Bo"])


@pytest.mark.parametrize(
    "query",
    [
        lambda wrap: Book.objects.filter(author__in=wrap(few())),
        lambda wrap: Book.objects.exclude(author__in=wrap(few())),
        lambda wrap: Book.objects.filter(Q(author__in=wrap(few())) | Q(pages__gt=400)),
        lambda wrap: Book.objects.filter(author_id__in=wrap(few()).values("pk")),
        lambda wrap: Book.objects.filter(author__name__in=wrap(few()).values_list("name", flat=True)),
        lambda wrap: Book.objects.filter(author=wrap(few()).order_by("pk")[:1]),
        lambda wrap: Book.objects.filter(pk__in=wrap(Book.objects.filter(pages__gt=300))),
        lambda wrap: Book.objects.filter(Exists(wrap(few()).filter(pk=OuterRef("author")))),
        lambda wrap: Book.objects.filter(~Exists(wrap(few()).filter(pk=OuterRef("author")))),
        lambda wrap: Book.objects.annotate(by=Subquery(wrap(few()).filter(pk=OuterRef("author")).values("name"))),
        lambda wrap: Book.objects.alias(by=Subquery(wrap(few()).filter(pk=OuterRef("author")).values("pk"))).filter(
            by=F("author")
        ),
        lambda wrap: Book.objects.order_by(Exists(wrap(few()).filter(pk=OuterRef("author"))), "pk"),
        lambda wrap: Book.objects.filter(pk__in=[book.pk for book in wrap(Book.objects.filter(pages__gt=300))]),
    ],
)
def test_as_a_subquery_it_is_the_same_query(query):
    """Inside another query nothing of it is evaluated, and the rows are the same."""
    assert_same(lambda wrap: [(book.title, vars(book).get("by")) for book in query(wrap)])


@pytest.mark.parametrize(
    "ask",
    [
        lambda wrap: Author.objects.aggregate(
            found=Count("pk", filter=Q(books__in=wrap(Book.objects.filter(pages__gt=300))))
        ),
        lambda wrap: Book.objects.filter(author__in=wrap(few())).update(pages=1),
        lambda wrap: Book.objects.filter(translator__in=wrap(few())).delete()[0] >= 0,
        lambda wrap: wrap(few()).contains(Author.objects.get(name="Ada")),
        lambda wrap: Author.objects.get(name="Ada") in wrap(few()),
        lambda wrap: str(Book.objects.filter(author__in=wrap(few())).query),
    ],
)
def test_it_works_wherever_a_query_takes_another(ask):
    """Aggregates, updates and deletes take it as they take a plain queryset."""
    assert_same(ask)


def test_an_automatic_query_may_contain_an_automatic_query():
    """The outer one learns, the inner one is part of its SQL."""
    assert_same(lambda wrap: [str(book) for book in wrap(Book.objects.filter(author__in=wrap(few())))], warm=1)


@pytest.mark.parametrize(
    ("prefetch", "warm"),
    [
        (lambda wrap: Prefetch("books", wrap(Book.objects.all())), 2),
        (lambda wrap: Prefetch("books", queryset=wrap(Book.objects.filter(pages__gt=100)), to_attr="some"), 2),
        (lambda wrap: Prefetch("books", wrap(Book.objects.order_by("title", "pk")[:2]), to_attr="some"), None),
    ],
)
def test_in_a_prefetch_it_learns_for_the_level_it_loads(prefetch, warm):
    """`Prefetch(queryset=auto(...))` gives the same objects, and joins what is loaded below them."""

    def view(wrap):
        authors = Author.objects.prefetch_related(prefetch(wrap))
        return [
            (
                author.name,
                [book.publisher and book.publisher.name for book in vars(author).get("some", author.books.all())],
            )
            for author in authors
        ]

    if warm is None:
        assert_same_or_less(view)
    else:
        assert_same(view, warm=warm)


def test_in_a_generic_prefetch_as_well():
    """`GenericPrefetch` takes automatic querysets."""

    def view(wrap):
        subjects = GenericPrefetch("subject", [wrap(Book.objects.all()), wrap(Author.objects.all())])
        return [str(comment.subject) for comment in Comment.objects.order_by("text").prefetch_related(subjects)]

    assert_same_or_less(view)


def test_it_may_be_assigned_to_a_relation():
    """`set()` and `add()` take it as an iterable of objects."""

    def view(wrap):
        book = Book.objects.get(title="Book 00")
        book.tags.set(wrap(Tag.objects.filter(name__in=["rare", "sad"])))
        book.tags.add(*wrap(Tag.objects.filter(name="old")))
        return sorted(tag.name for tag in book.tags.all())

    assert_same(view)

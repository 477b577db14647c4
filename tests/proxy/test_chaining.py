"""Chaining: what is made from an automatic queryset is automatic too."""

import pytest
from django.db.models import Count, F, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Upper

from autoprefetch import auto
from tests.library.models import Book, BookQuerySet, Tag
from tests.proxy.comparing import assert_same

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize(
    "chain",
    [
        lambda books: books.all(),
        lambda books: books.filter(pages__gt=200),
        lambda books: books.filter(author__name="Ada").filter(publisher__isnull=False),
        lambda books: books.filter(Q(pages__gt=300) | Q(translator__isnull=False)),
        lambda books: books.exclude(pages__lt=200),
        lambda books: books.order_by("-title", "pk"),
        lambda books: books.order_by(F("publisher").desc(nulls_last=True), "pk"),
        lambda books: books.reverse(),
        lambda books: books.alias(upper=Upper("title")).filter(upper__endswith="3"),
        lambda books: books.annotate(upper=Upper("title"), one=Value(1)),
        lambda books: books.select_related("publisher"),
        lambda books: books.select_related("author"),
        lambda books: books.select_related("author").select_related(None),
        lambda books: books.defer("summary"),
        lambda books: books.only("title", "author"),
        lambda books: books.long(),
        lambda books: books.filter(pages__gt=100).tagged("rare"),
        lambda books: books.complex_filter({"pages__gt": 200}),
    ],
)
def test_each_method_keeps_the_queryset_automatic(chain):
    """The rows are the same, of the same queryset class, and the relation that they load is joined."""

    def view(wrap):
        books = chain(wrap(Book.objects.all()))
        return books.__class__, [book.author.name for book in books], [vars(book).get("upper") for book in books]

    assert_same(view, warm=1)


@pytest.mark.parametrize(
    "chain",
    [
        lambda books: books.order_by("published"),
        lambda books: books.order_by(),
        lambda books: books.distinct(),
        lambda books: books.annotate(tag_count=Count("tags")),
        lambda books: books.extra(select={"long": "pages > 200"}),
    ],
)
def test_where_a_join_is_not_permitted_the_relation_is_prefetched(chain):
    """Ties, DISTINCT, GROUP BY and raw SQL take no join, but a second query."""
    assert_same(lambda wrap: sorted(str(book) for book in chain(wrap(Book.objects.all()))), warm=2)


@pytest.mark.parametrize(
    ("chain", "warm"),
    [
        (lambda books: books.prefetch_related("tags"), 2),
        (lambda books: books.prefetch_related("tags", "author"), 3),
        (lambda books: books.prefetch_related(Prefetch("tags", Tag.objects.order_by("name"))), 2),
        (lambda books: books.prefetch_related(Prefetch("tags", to_attr="all_tags")), None),
        (lambda books: books.select_related("author").prefetch_related("tags"), 2),
        (lambda books: books.prefetch_related("tags").prefetch_related(None), 2),
    ],
)
def test_what_the_caller_loads_is_neither_doubled_nor_undone(chain, warm):
    """A prefetch or a join of the caller's stays as it is, beside what is learned."""

    def view(wrap):
        books = chain(wrap(Book.objects.all()))
        lines = [(book.author.name, sorted(tag.name for tag in book.tags.all())) for book in books]
        return lines, [sorted(tag.name for tag in vars(book).get("all_tags", ())) for book in books]

    assert_same(view, warm=3 if warm is None else warm)


def test_a_deferred_key_is_not_joined():
    """`only()` without the foreign key is no join, which Django could not even make; the key is loaded for all rows."""
    assert_same(lambda wrap: [book.author.name for book in wrap(Book.objects.only("title"))], cold=18, warm=18)


def test_a_chain_is_lazy_and_its_start_stays_as_it_was():
    """Each step is a new queryset: what it was made from keeps its own rows."""

    def view(wrap):
        every = wrap(Book.objects.all())
        long = every.filter(pages__gte=300)
        return [book.title for book in every], [book.title for book in long], every.count()

    assert_same(view)


def test_a_chain_is_made_of_the_same_classes():
    """Custom querysets keep their class along the chain."""
    books = auto(Book.objects.all())
    for step in (books.filter(pages=1), books.long().all(), books[:3], books | books, books.none()):
        assert isinstance(step, BookQuerySet)
        assert isinstance(step, QuerySet)
        assert issubclass(step.__class__, BookQuerySet)

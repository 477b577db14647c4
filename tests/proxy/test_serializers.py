"""Django's own serializers."""

import json

import pytest
from django.core import serializers
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import model_to_dict

from tests.library.models import Author, Book, Film
from tests.proxy.comparing import assert_same, assert_same_or_less

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("format_", ["json", "jsonl", "python", "xml"])
@pytest.mark.parametrize("model", [Book, Author, Film])
def test_the_serialized_rows_are_the_same(format_, model):
    """Every format serializes the same text from an automatic queryset."""
    assert_same_or_less(lambda wrap: serializers.serialize(format_, wrap(model.objects.order_by("pk"))))


@pytest.mark.parametrize("fields", [["title", "author"], ["title"], []], ids=str)
def test_some_fields(fields):
    """The fields asked for, and nothing loaded for others."""
    assert_same(lambda wrap: serializers.serialize("json", wrap(Book.objects.all()), fields=fields or ["pages"]))


def test_what_was_serialized_can_be_loaded():
    """The text makes the same objects again."""

    def view(wrap):
        text = serializers.serialize("json", wrap(Book.objects.all()), fields=["title", "author", "pages", "published"])
        return [loaded.object for loaded in serializers.deserialize("json", text)]

    assert_same(view)


@pytest.mark.parametrize(
    ("rows", "warm"),
    [
        (lambda books: list(books.values("title", "published")), None),
        (lambda books: [{"title": book.title, "author": book.author.name} for book in books], 1),
        (lambda books: [model_to_dict(book, fields=["title", "author"]) for book in books], None),
    ],
)
def test_json_made_by_hand(rows, warm):
    """`json.dumps` of what a view collects is the same text."""
    assert_same(lambda wrap: json.dumps(rows(wrap(Book.objects.all())), cls=DjangoJSONEncoder), warm=warm)

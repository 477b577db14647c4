"""Django templates: tags, filters and dotted names over an automatic queryset."""

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import override_settings

from autoprefetch import auto
from tests.databases import count_queries
from tests.library.models import Author, Book
from tests.proxy.comparing import assert_same
from tests.proxy.conftest import sqlite_only

pytestmark = [pytest.mark.usefixtures("library"), sqlite_only]


@pytest.mark.parametrize(
    ("source", "warm"),
    [
        ("{% for book in books %}{{ book.title }} {{ book.author.name }}\n{% endfor %}", 1),
        ("{% for book in books %}{{ book }}{% empty %}none{% endfor %}", 1),
        ("{% for book in books %}{{ book.publisher_city }}{% endfor %}", 1),
        (
            "{% for book in books %}{{ forloop.revcounter }}{{ forloop.last }}{{ book }}{% endfor %}",
            1,
        ),
        ("{% for book in books reversed %}{{ book }}{% endfor %}", 1),
        ("{% for book in books %}{% ifchanged book.author.name %}{{ book.author }}{% endifchanged %}{% endfor %}", 1),
        ("{% for book in books %}{% for tag in book.tags.all|dictsort:'name' %}{{ tag }}{% endfor %}{% endfor %}", 2),
        ("{{ books|length }} {% for book in books %}{{ book }}{% endfor %}", 1),
        ("{% if books %}{{ books|length }}{% for book in books %}{{ book }}{% endfor %}{% endif %}", 1),
        ("{% with found=books.all %}{% for book in found %}{{ book }}{% endfor %}{% endwith %}", 1),
        (
            "{% regroup books by author as found %}{% for g in found %}{{ g.grouper }}{{ g.list|length }}{% endfor %}",
            1,
        ),
        (
            "{% regroup books|dictsort:'author.name' by author.name as found %}{{ found.0.grouper }}{{ found|length }}",
            1,
        ),
        ("{{ books.first.author.name }}", 1),
        ("{{ books|first }}", 1),
        ("{% for book in books|slice:':4' %}{{ book }}{% endfor %}", 1),
        ("{% for book in books|dictsortreversed:'title' %}{{ book }}{% endfor %}", 1),
        ("{{ books|join:', ' }}", 1),
        ("{{ books|unordered_list }}", 1),
        ("{{ books.count }} {{ books.exists }} {{ books.ordered }}", None),
        ("{{ books.nonsense }}{{ books.first.nonsense }}{{ books.99 }}", None),
        ("{% cycle 'a' 'b' as c silent %}{% for book in books.long %}{{ c }}{{ book }}{% cycle c %}{% endfor %}", 1),
        ("{% if book in books %}yes{% endif %}{{ books|yesno }}{{ books|default:'x'|length }}", None),
        ("{{ books|pluralize }}", None),
    ],
)
def test_a_template_renders_the_same(source, warm):
    """Tags and filters see the same rows, and warm the relations that they show take no queries."""
    book = Book.objects.first()
    template = Template(source)
    assert_same(lambda wrap: template.render(Context({"books": wrap(Book.objects.all()), "book": book})), warm=warm)


@pytest.mark.parametrize("source", ["{{ books.first }} {{ books.last }}", "{{ books.0 }} {{ books.0.author.name }}"])
def test_the_second_row_of_a_template_profits_from_the_first(source):
    """Two rows asked for in one template are two evaluations of one call site."""
    template = Template(source)
    assert_same(lambda wrap: template.render(Context({"books": wrap(Book.objects.all())})), cold=3, warm=2)


def test_a_template_from_a_file_renders_the_same():
    """Templates that are loaded, extended and included do too, and they evaluate the queryset where it is used."""
    files = {
        "base.html": "<h1>{% block title %}{% endblock %}</h1>{% block body %}{% endblock %}",
        "books.html": "{% extends 'base.html' %}{% block body %}{% for book in books %}"
        "{% include 'book.html' %}{% endfor %}{% endblock %}",
        "book.html": "{{ book.title }} by {{ book.author.name }}, {{ book.publisher.name }}",
    }
    backend = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", files)]},
    }
    with override_settings(TEMPLATES=[backend]):
        assert_same(lambda wrap: render_to_string("books.html", {"books": wrap(Book.objects.all())}), warm=1)


def test_a_queryset_that_the_template_does_not_use_is_not_evaluated():
    """A queryset in the context alone costs nothing."""
    with count_queries() as log:
        Template("{% if 0 %}{{ books }}{% endif %}").render(Context({"books": auto(Author.objects.all())}))
    assert len(log) == 0

"""A library: every kind of relation that autoprefetch has to get right, and every trap that a model can set.

Orderings differ on purpose: total by primary key (Author, Book), total by another unique key (Imprint), with ties
(Loan), and none (all others).
"""

from __future__ import annotations

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

# A deep chain of foreign keys: branch.street.city.country.continent -------------------------------------------------


class Continent(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Country(models.Model):
    name = models.CharField(max_length=50)
    continent = models.ForeignKey(Continent, models.CASCADE, related_name="countries")

    def __str__(self):
        return self.name


class City(models.Model):
    name = models.CharField(max_length=50)
    country = models.ForeignKey(Country, models.CASCADE, related_name="cities")

    def __str__(self):
        return self.name


class Street(models.Model):
    name = models.CharField(max_length=50)
    city = models.ForeignKey(City, models.CASCADE, related_name="streets")

    def __str__(self):
        """Follow the whole chain, as people's `__str__` do."""
        return f"{self.name}, {self.city}, {self.city.country}"


class Branch(models.Model):
    """A house of the library: the lower end of the chain."""

    name = models.CharField(max_length=50)
    street = models.ForeignKey(Street, models.CASCADE, related_name="branches")

    def __str__(self):
        return self.name


# People: relations to self, one-to-one, what is wide ----------------------------------------------------------------


class Tag(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Archive(models.Model):
    """A wide row, which is dear to repeat in a join: the papers of some authors."""

    shelfmark = models.CharField(max_length=50)
    column_01 = models.TextField(default="")
    column_02 = models.TextField(default="")
    column_03 = models.TextField(default="")
    column_04 = models.TextField(default="")
    column_05 = models.TextField(default="")
    column_06 = models.TextField(default="")
    column_07 = models.TextField(default="")
    column_08 = models.TextField(default="")
    column_09 = models.TextField(default="")
    column_10 = models.TextField(default="")
    column_11 = models.TextField(default="")
    column_12 = models.TextField(default="")
    column_13 = models.TextField(default="")
    column_14 = models.TextField(default="")
    column_15 = models.TextField(default="")
    column_16 = models.TextField(default="")

    def __str__(self):
        return self.shelfmark


class Author(models.Model):
    """Many-to-many to self both ways: `friends` is symmetrical, `follows` is not. `mentor` is a foreign key to self."""

    name = models.CharField(max_length=50)
    mentor = models.ForeignKey("self", models.SET_NULL, null=True, related_name="pupils")
    archive = models.ForeignKey(Archive, models.SET_NULL, null=True, related_name="authors")
    friends = models.ManyToManyField("self")
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followers")
    comments = GenericRelation("Comment", related_query_name="author")

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return self.name


class Profile(models.Model):
    """One-to-one, followed both ways; some authors have none, and `author.profile` then raises."""

    author = models.OneToOneField(Author, models.CASCADE, related_name="profile")
    biography = models.TextField()
    city = models.ForeignKey(City, models.SET_NULL, null=True, related_name="+")

    def __str__(self):
        return f"profile of {self.author}"


class Pseudonym(models.Model):
    """A one-to-one that may be null."""

    name = models.CharField(max_length=50)
    author = models.OneToOneField(Author, models.SET_NULL, null=True, related_name="pseudonym")

    def __str__(self):
        return self.name


class Portrait(models.Model):
    """A one-to-one that is the primary key."""

    author = models.OneToOneField(Author, models.CASCADE, primary_key=True, related_name="portrait")
    painter = models.CharField(max_length=50)

    def __str__(self):
        return f"{self.author} by {self.painter}"


# The catalogue: foreign keys, many-to-many, managers ----------------------------------------------------------------


class Publisher(models.Model):
    name = models.CharField(max_length=50)
    city = models.ForeignKey(City, models.SET_NULL, null=True, related_name="publishers")

    def __str__(self):
        return self.name


class Imprint(models.Model):
    """Found by its code: the target of a foreign key that is not to the primary key."""

    code = models.CharField(max_length=10, unique=True)
    name = models.CharField(max_length=50)
    publisher = models.ForeignKey(Publisher, models.CASCADE, related_name="imprints")

    class Meta:
        ordering = ["code"]

    def __str__(self):
        return self.name


class Category(models.Model):
    """A tree."""

    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")

    def __str__(self):
        """Climb to the root: a chain whose length depends on the row."""
        return f"{self.parent} / {self.name}" if self.parent else self.name


class BookQuerySet(models.QuerySet["Book"]):
    def long(self) -> BookQuerySet:
        return self.filter(pages__gte=300)

    def tagged(self, name: str) -> BookQuerySet:
        return self.filter(tags__name=name)


class BookManager(models.Manager.from_queryset(BookQuerySet)):
    def titles(self) -> list[str]:
        return [book.title for book in self.all()]


class Book(models.Model):
    title = models.CharField(max_length=50)
    pages = models.PositiveIntegerField()
    published = models.DateField()
    summary = models.TextField(default="")
    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    publisher = models.ForeignKey(Publisher, models.SET_NULL, null=True, related_name="books")
    imprint = models.ForeignKey(Imprint, models.SET_NULL, null=True, to_field="code", related_name="books")
    category = models.ForeignKey(Category, models.SET_NULL, null=True, related_name="books")
    translator = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="+")
    tags = models.ManyToManyField(Tag, related_name="books")
    contributors = models.ManyToManyField(Author, through="Contribution", related_name="contributed_to")
    comments = GenericRelation("Comment", related_query_name="book")

    objects = BookManager()

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"{self.title} by {self.author}"

    @property
    def publisher_city(self) -> str | None:
        """Reach two relations away behind a property."""
        return self.publisher.city.name if self.publisher and self.publisher.city else None


class Contribution(models.Model):
    """The through model of `Book.contributors`, with columns of its own."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="contributions")
    author = models.ForeignKey(Author, models.CASCADE, related_name="contributions")
    role = models.CharField(max_length=50)
    position = models.PositiveIntegerField()

    def __str__(self):
        return f"{self.author} ({self.role})"


class Series(models.Model):
    """Holds its books by a many-to-many without a name for the way back (`book.series_set`)."""

    name = models.CharField(max_length=50)
    books = models.ManyToManyField(Book)

    def __str__(self):
        return self.name


class Classic(Book):
    """A proxy: the table of Book, another class, another ordering."""

    class Meta:
        proxy = True
        ordering = ["title", "pk"]


class Review(models.Model):
    """A foreign key to a proxy."""

    classic = models.ForeignKey(Classic, models.CASCADE, related_name="reviews")
    stars = models.PositiveIntegerField()

    def __str__(self):
        return "*" * self.stars


# Generic relations --------------------------------------------------------------------------------------------------


class Comment(models.Model):
    """About a book, an author or a branch; the branch knows nothing of its comments."""

    text = models.CharField(max_length=50)
    writer = models.ForeignKey("Reader", models.SET_NULL, null=True, related_name="comments")
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    subject = GenericForeignKey()

    class Meta:
        indexes = [models.Index(fields=["content_type", "object_id"])]

    def __str__(self):
        return self.text


# Copies, readers and loans: the traps -------------------------------------------------------------------------------


class Reader(models.Model):
    """A primary key that is a UUID."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)
    branch = models.ForeignKey(Branch, models.SET_NULL, null=True, related_name="readers")
    wishes = models.ManyToManyField(Book, related_name="wished_by")

    def __str__(self):
        return self.name


class Membership(models.Model):
    """A composite primary key."""

    pk = models.CompositePrimaryKey("reader_id", "branch_id")
    reader = models.ForeignKey(Reader, models.CASCADE, related_name="memberships")
    branch = models.ForeignKey(Branch, models.CASCADE, related_name="memberships")
    since = models.DateField()

    def __str__(self):
        return f"{self.reader} at {self.branch}"


class UnscrappedShelves(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(scrapped=False)


class Shelf(models.Model):
    """Soft-deleted: its base manager hides scrapped shelves, also from `copy.shelf`. A join would show them."""

    name = models.CharField(max_length=50)
    scrapped = models.BooleanField(default=False)
    branch = models.ForeignKey(Branch, models.CASCADE, related_name="shelves")

    objects = UnscrappedShelves()
    with_scrapped = models.Manager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self):
        return self.name


class Supplier(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Copy(models.Model):
    """Its supplier has no constraint in the database: the key may dangle, and a join would drop the copy."""

    book = models.ForeignKey(Book, models.CASCADE, related_name="copies")
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, related_name="copies")
    supplier = models.ForeignKey(Supplier, models.DO_NOTHING, db_constraint=False, related_name="copies")

    def __str__(self):
        return f"copy {self.pk} of {self.book}"


class LoansWithCopy(models.Manager):
    def get_queryset(self):
        return super().get_queryset().select_related("copy")


class Loan(models.Model):
    """Its default manager joins the copy already, and its ordering has ties."""

    copy = models.ForeignKey(Copy, models.CASCADE, related_name="loans")
    reader = models.ForeignKey(Reader, models.CASCADE, related_name="loans")
    due = models.DateField()

    objects = LoansWithCopy()

    class Meta:
        ordering = ["due"]

    def __str__(self):
        return f"{self.reader} has {self.copy.book.title}"


# Multi-table inheritance --------------------------------------------------------------------------------------------


class Medium(models.Model):
    """The parent's table: `medium.film` and `medium.record` go down, where there is one."""

    title = models.CharField(max_length=50)
    publisher = models.ForeignKey(Publisher, models.SET_NULL, null=True, related_name="media")
    tags = models.ManyToManyField(Tag, related_name="media")

    def __str__(self):
        return self.title


class Film(Medium):
    director = models.ForeignKey(Author, models.CASCADE, related_name="films")
    minutes = models.PositiveIntegerField()


class Record(Medium):
    label = models.CharField(max_length=50)


class Screening(models.Model):
    """Foreign keys to the child, to the parent, and to a place."""

    film = models.ForeignKey(Film, models.CASCADE, related_name="screenings")
    trailer = models.ForeignKey(Medium, models.SET_NULL, null=True, related_name="+")
    branch = models.ForeignKey(Branch, models.CASCADE, related_name="screenings")

    def __str__(self):
        return f"{self.film} at {self.branch}"

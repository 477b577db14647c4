"""The notes: a generic foreign key to products, orders and customers, and what each of them refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.http import JsonResponse
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Customer, Note, Order, Product

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class NotesView(View):
    """All notes, the newest first, each with what it is about."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer with all notes as JSON."""
        return JsonResponse({"notes": [self.row(note) for note in self.notes()]})

    def notes(self) -> QuerySet[Note]:
        """Choose the notes to show."""
        return Note.objects.all()

    def row(self, note: Note) -> dict[str, Any]:
        """Show one note; an order is named by its customer, a product by its brand."""
        subject = note.subject
        if isinstance(subject, Order):
            about = f"{subject} of {subject.customer.name}"
        elif isinstance(subject, Product):
            about = f"{subject.name} by {subject.brand.name}"
        else:
            about = str(subject)
        return {"note": note.text, "about": about}


class AutoNotesView(NotesView):
    """The same notes, and the one change that autoprefetch asks for."""

    def notes(self) -> QuerySet[Note]:
        """Choose the notes to show."""
        return auto(Note.objects.all())


class HandWrittenNotesView(NotesView):
    """The same notes, with a queryset for each model that a note may be about."""

    def notes(self) -> QuerySet[Note]:
        """Choose the notes to show."""
        products = Product.objects.select_related("brand")
        orders = Order.objects.select_related("customer")
        return Note.objects.prefetch_related(GenericPrefetch("subject", [products, orders, Customer.objects.all()]))

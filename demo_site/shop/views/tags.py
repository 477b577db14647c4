"""The tags: many to many from the end that does not declare it, and a chain of foreign keys behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch
from django.http import JsonResponse
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Product, Tag

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class TagsView(View):
    """All tags, each with its products and where their brands are at home."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer with all tags as JSON."""
        return JsonResponse({"tags": [self.row(tag) for tag in self.tags()]})

    def tags(self) -> QuerySet[Tag]:
        """Choose the tags to show."""
        return Tag.objects.all()

    def row(self, tag: Tag) -> dict[str, Any]:
        """Show one tag."""
        return {
            "tag": tag.name,
            "products": [f"{product.name}, {product.brand.country.name}" for product in tag.products.all()],
        }


class AutoTagsView(TagsView):
    """The same tags, and the one change that autoprefetch asks for."""

    def tags(self) -> QuerySet[Tag]:
        """Choose the tags to show."""
        return auto(Tag.objects.all())


class HandWrittenTagsView(TagsView):
    """The same tags, with all that a row reads loaded ahead."""

    def tags(self) -> QuerySet[Tag]:
        """Choose the tags to show."""
        products = Product.objects.select_related("brand__country")
        return Tag.objects.prefetch_related(Prefetch("products", queryset=products))

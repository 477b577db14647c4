"""The categories: a table that refers to itself, read up and down the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import JsonResponse
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Category

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class CategoriesView(View):
    """All categories, each with its parent, its children and its products."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer with all categories as JSON."""
        return JsonResponse({"categories": [self.row(category) for category in self.categories()]})

    def categories(self) -> QuerySet[Category]:
        """Choose the categories to show."""
        return Category.objects.all()

    def row(self, category: Category) -> dict[str, Any]:
        """Show one category."""
        return {
            "category": category.name,
            "parent": category.parent and category.parent.name,
            "children": [child.name for child in category.children.all()],
            "products": [product.name for product in category.products.all()],
        }


class AutoCategoriesView(CategoriesView):
    """The same categories, and the one change that autoprefetch asks for."""

    def categories(self) -> QuerySet[Category]:
        """Choose the categories to show."""
        return auto(Category.objects.all())


class HandWrittenCategoriesView(CategoriesView):
    """The same categories, with all that a row reads loaded ahead."""

    def categories(self) -> QuerySet[Category]:
        """Choose the categories to show."""
        return Category.objects.select_related("parent").prefetch_related("children", "products")

"""The pages of the demo site: the bank's dashboard and those of the shop, each in its three forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo_site.bank.views import AutoDashboardView, DashboardView, HandWrittenDashboardView
from demo_site.shop.views.catalogue import AutoCatalogueView, CatalogueView, HandWrittenCatalogueView
from demo_site.shop.views.categories import AutoCategoriesView, CategoriesView, HandWrittenCategoriesView
from demo_site.shop.views.notes import AutoNotesView, HandWrittenNotesView, NotesView
from demo_site.shop.views.orders import AutoOrdersView, HandWrittenOrdersView, OrdersView
from demo_site.shop.views.reviews import AutoReviewsView, HandWrittenReviewsView, ReviewsView
from demo_site.shop.views.stock import AutoStockView, HandWrittenStockView, StockView
from demo_site.shop.views.tags import AutoTagsView, HandWrittenTagsView, TagsView

if TYPE_CHECKING:
    from django.views import View

FORMS = {"plain": "plain", "auto_cold": "auto", "auto_warm": "auto", "hand_written": "hand_written"}
"""What a page is requested as, in this order, and the view that answers."""

VIEWS = ("plain", "auto", "hand_written")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the demo site.

    Args:
        name: Stands in the addresses and in what ``--shop`` prints.
        title: For people.
        explanation: What the page loads one by one, as it was written.
        plain: The view as it was written.
        auto: The same with ``auto()``.
        hand_written: The same with the fix written by hand.
        prefix: Begins the names of the page's URLs.
    """

    name: str
    title: str
    explanation: str
    plain: type[View]
    auto: type[View]
    hand_written: type[View]
    prefix: str = ""

    def endpoints(self) -> dict[str, str]:
        """Map each form to the name of the URL that is requested for it."""
        return {form: self.prefix + view for form, view in FORMS.items()}

    def links(self) -> dict[str, str]:
        """Map each view to the name of its URL."""
        return {view: self.prefix + view for view in VIEWS}


DASHBOARD = Page(
    "dashboard",
    "Dashboard",
    "JSON. Foreign keys and a chain of them, and the five latest transactions of each account.",
    DashboardView,
    AutoDashboardView,
    HandWrittenDashboardView,
)

SHOP = [
    Page(
        "catalogue",
        "Catalogue",
        "An HTML template. Chains of foreign keys, a self reference, one-to-one backwards, many-to-many, "
        "and multi-table inheritance.",
        CatalogueView,
        AutoCatalogueView,
        HandWrittenCatalogueView,
        "catalogue_",
    ),
    Page(
        "orders",
        "Orders",
        "JSON. A foreign key, a one-to-one that may be missing, and the lines of each order with a chain behind them.",
        OrdersView,
        AutoOrdersView,
        HandWrittenOrdersView,
        "orders_",
    ),
    Page(
        "reviews",
        "Reviews",
        "JSON. Queries for each product: a count, an average, an existence, a filter and the latest three.",
        ReviewsView,
        AutoReviewsView,
        HandWrittenReviewsView,
        "reviews_",
    ),
    Page(
        "categories",
        "Categories",
        "JSON. A table that refers to itself, up to the parent and down to the children, and a reverse foreign key.",
        CategoriesView,
        AutoCategoriesView,
        HandWrittenCategoriesView,
        "categories_",
    ),
    Page(
        "tags",
        "Tags",
        "JSON. Many-to-many from the other end, and a chain of foreign keys behind it.",
        TagsView,
        AutoTagsView,
        HandWrittenTagsView,
        "tags_",
    ),
    Page(
        "notes",
        "Notes",
        "JSON. A generic foreign key to three models, and what each of them refers to.",
        NotesView,
        AutoNotesView,
        HandWrittenNotesView,
        "notes_",
    ),
    Page(
        "stock",
        "Stock",
        "JSON. One-to-one forwards, multi-table inheritance behind it, and a generic relation.",
        StockView,
        AutoStockView,
        HandWrittenStockView,
        "stock_",
    ),
]

PAGES = {page.name: page for page in [DASHBOARD, *SHOP]}

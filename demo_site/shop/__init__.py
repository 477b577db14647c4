"""The shop: products, orders, reviews and notes, related in every way that Django's models know."""

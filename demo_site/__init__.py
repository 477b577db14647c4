"""The demo site: the bank dashboard that ran 847 queries.

``python -m demo_site`` seeds a database, requests the same dashboard written plainly, with ``auto()`` and
tuned by hand, and prints what each cost. ``python -m demo_site --serve`` shows them in a browser.
"""

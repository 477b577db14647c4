"""The demo site: the bank dashboard that ran 847 queries, and a shop that has each kind of relation.

``python -m demo_site`` seeds a database, requests the same dashboard written plainly, with ``auto()`` and
tuned by hand, and prints what each cost; with ``--shop`` the pages of the shop instead. ``python -m demo_site --serve``
shows both in a browser, and draws their queries.
"""

"""The pages of the shop, each as it was written, with ``auto()``, and with the fix written by hand.

A page's three views share ``get``. They differ in the queryset, and the hand-written one also in how a row is read
where a queryset can only load ahead under another name.
"""

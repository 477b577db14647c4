"""Django's own test suite as the judge: every queryset automatic, and no test may fail that passes without.

`python -m tests.django_suite` says the rest with `--help`.
"""

"""The labels of Django's tests that are run: those of the ORM, and of what sits right on top of it."""

LABELS = [
    "aggregation", "aggregation_regress", "annotations", "async", "basic", "bulk_create", "composite_pk",
    "contenttypes_tests", "custom_managers", "custom_methods", "custom_pk", "defer", "defer_regress", "delete",
    "delete_regress", "distinct_on_fields", "expressions", "fetch_modes", "fixtures", "foreign_object",
    "force_insert_update", "generic_relations", "generic_relations_regress", "get_or_create", "indexes",
    "known_related_objects", "lookup", "m2m_and_m2o", "m2m_intermediary", "m2m_multiple", "m2m_recursive",
    "m2m_regress", "m2m_signals", "m2m_through", "m2m_through_regress", "managers_regress", "many_to_many",
    "many_to_one", "many_to_one_null", "model_forms", "model_formsets", "model_inheritance",
    "model_inheritance_regress", "model_regress", "multiple_database", "mutually_referential", "nested_foreign_keys",
    "null_fk", "null_fk_ordering", "one_to_one", "or_lookups", "order_with_respect_to", "ordering", "pagination",
    "prefetch_related", "properties", "proxy_models", "queries", "queryset_pickle", "raw_query", "reserved_names",
    "reverse_lookup", "save_delete_hooks", "select_for_update", "select_related", "select_related_onetoone",
    "select_related_regress", "serializers", "signals", "swappable_models", "syndication_tests", "timezones",
    "transactions", "unmanaged_models", "update", "update_only_fields", "view_tests", "admin_views", "admin_changelist",
    "generic_views", "auth_tests",
]  # fmt: skip

#: What a check of each change can afford.
FAST = [
    "basic", "defer", "foreign_object", "generic_relations", "get_or_create", "known_related_objects", "m2m_recursive",
    "m2m_through", "many_to_many", "many_to_one", "model_inheritance", "multiple_database", "null_fk", "one_to_one",
    "prefetch_related", "raw_query", "select_related", "select_related_onetoone", "select_related_regress", "signals",
    "admin_changelist", "generic_views",
]  # fmt: skip

"""A cursor comes out of an answer's Link and means nothing else: made-up ones are refused, and Rust tests try those."""

import schemathesis


@schemathesis.hook
def map_query(context, query):
    if query:
        query.pop("cursor", None)
    return query


@schemathesis.serializer("application/x-ndjson", "application/stream+json")
def values(context, value):
    """A body of values is a text, as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

"""Removes random cursors from the requests.

A valid cursor comes from the Link header of an answer. Rust tests check that others are refused.
"""

import schemathesis


@schemathesis.hook
def map_query(context, query):
    if query:
        query.pop("cursor", None)
    return query


@schemathesis.serializer("application/x-ndjson", "application/stream+json")
def values(context, value):
    """Sends a body of values as text, without JSON encoding."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

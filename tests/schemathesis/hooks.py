"""A cursor comes out of an answer's Link and means nothing else: made-up ones are refused, and Rust tests try those."""

import schemathesis


@schemathesis.hook
def map_query(context, query):
    if query:
        query.pop("cursor", None)
    return query

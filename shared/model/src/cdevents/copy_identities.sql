-- copy_identities
COPY cdevents_identities (id, source, type, "timestamp") FROM STDIN (FORMAT binary)

-- restore_identities
-- $1 and $2 are the begin and the end of the restored day. An identity that has a row in another
-- month is an error, which undoes the restore.
INSERT INTO cdevents_identities (id, source, type, "timestamp")
SELECT c.id, c.source, c.type, c."timestamp" FROM cdevents c WHERE c."timestamp" >= $1 AND c."timestamp" < $2

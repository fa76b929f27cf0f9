-- has_version
SELECT FROM dumps d
WHERE d.destination = $1 AND d.model = $2 AND d.day = date '1970-01-01' + $3 AND d.xmin::text = $4

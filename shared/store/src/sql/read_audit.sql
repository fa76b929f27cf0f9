-- read_audit
SELECT a.progress, a.outcome FROM audit a WHERE a.id = $1

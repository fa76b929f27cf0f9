-- find_class
SELECT c.error_class FROM failure_counts c WHERE c.error_class = $1 LIMIT 1

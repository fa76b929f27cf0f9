-- list_projects
-- Steps from project to project on the index, and does not read every build.
WITH RECURSIVE projects AS (
    (SELECT project_id FROM builds WHERE $3 IS NULL OR project_id > $3 ORDER BY project_id LIMIT 1)
    UNION ALL
    SELECT (SELECT b.project_id FROM builds b WHERE b.project_id > p.project_id ORDER BY b.project_id LIMIT 1)
    FROM projects p
    WHERE p.project_id IS NOT NULL
)
SELECT project_id
FROM projects
WHERE project_id IS NOT NULL
LIMIT $1 OFFSET $2

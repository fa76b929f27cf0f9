-- flaky_tests
-- Which test cases both failed and passed in one and the same run of their suite?
SELECT testcase_id AS test, count(*) AS times
FROM (
    SELECT testcase_id, testsuiterun_id
    FROM api.testcaserun
    WHERE finished_at >= now() - interval '30 days'
    GROUP BY testcase_id, testsuiterun_id
    HAVING bool_or(outcome = 'success') AND bool_or(outcome <> 'success')
) AS both_ways
GROUP BY testcase_id
ORDER BY times DESC, test

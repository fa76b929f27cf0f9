"""Sends three records that weir cannot store, so that there are failures for the requests.

Arguments: weir's URL, and a key with the scope admin.
"""

import base64
import json
import sys
import urllib.request

values = ["{", '{"sensor":"speed","value":"fast","timestamp":"2026-01-02T03:04:05Z"}', "\u0000"]
records = [
    {
        "topic": "readings",
        # The broker has sixteen partitions, 0 to 15.
        "partition": 99,
        "offset": offset,
        "timestamp": 1767323045678,
        "key": base64.b64encode(b"speed").decode(),
        "value": base64.b64encode(value.encode()).decode(),
        "headers": [{"trace": [116, 45, 49]}],
    }
    for offset, value in enumerate(values)
]
event = json.dumps({"eventSource": "aws:kafka", "records": {"readings-99": records}}).encode()
request = urllib.request.Request(sys.argv[1] + "/2015-03-31/functions/ingest/invocations", data=event, headers={"Authorization": "Bearer " + sys.argv[2]})
assert b"batchItemFailures" in urllib.request.urlopen(request).read()

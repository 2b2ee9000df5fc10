"""Puts a file into OSS under the caller's own prefix: `pip install oss2`, then `python put_file.py cat.jpg uploads/alice/cat.jpg`.

Needs SLUICE_HTTP (the broker), SLUICE_JWT_FILE (the caller's proof), OSS_ENDPOINT, OSS_BUCKET and OSS_REGION."""
import json
import os
import sys
import urllib.request

import oss2

with open(os.environ["SLUICE_JWT_FILE"], encoding="ascii") as file:
    proof = {"Authorization": "Bearer " + file.read().strip()}
with urllib.request.urlopen(urllib.request.Request(os.environ["SLUICE_HTTP"] + "/get_sts_token", headers=proof)) as answer:
    token = json.load(answer)
if token["StatusCode"] != 200:
    sys.exit(f"{token['ErrorCode']}: {token['ErrorMessage']}")
auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"], auth_version=oss2.AUTH_VERSION_4)
bucket = oss2.Bucket(auth, os.environ["OSS_ENDPOINT"], os.environ["OSS_BUCKET"], region=os.environ["OSS_REGION"])
print(bucket.put_object_from_file(sys.argv[2], sys.argv[1]).status)

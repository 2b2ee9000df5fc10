"""Our rendering of the program that the vendor's quick start describes, not the vendor's text: a Flask route that assumes the role at each
request, with the vendor's own packages. The client is made once and STS is spoken to over plain HTTP, both in its favour. To be measured
against, not to be used: it asks nobody who he is.

    SLUICE_STS=http://127.0.0.1:9001 python app.py PORT          # app.run
    SLUICE_STS=http://127.0.0.1:9001 gunicorn -w 2 app:app       # the server that Flask's own documentation recommends
"""
import logging
import os
import sys

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_sts20150401 import models
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.models import Config
from flask import Flask, jsonify

app = Flask(__name__)
sts = Client(Config(
    credential=CredentialClient(CredentialConfig(
        type="access_key", access_key_id="SANDBOXBROKERKEYID00", access_key_secret="sandbox-broker-secret")),
    endpoint=os.environ["SLUICE_STS"].removeprefix("http://"), protocol="http"))


@app.get("/get_sts_token")
def get_sts_token():
    request = models.AssumeRoleRequest(
        role_arn="acs:ram::1000000000000001:role/sluice-uploader", role_session_name="seed", duration_seconds=3600)
    credentials = sts.assume_role(request).body.credentials
    return jsonify({"StatusCode": 200, "AccessKeyId": credentials.access_key_id, "AccessKeySecret": credentials.access_key_secret,
                    "SecurityToken": credentials.security_token, "Expiration": credentials.expiration})


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request, in its favour
    app.run(host="127.0.0.1", port=int(sys.argv[1]))

"""What teams run today: a Flask route that assumes the role with no session policy. Here to be compared with, not to be used."""
import os

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_sts20150401 import models
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.models import Config
from flask import Flask, jsonify

app = Flask(__name__)


def sts_client():
    credential = CredentialClient(CredentialConfig(
        type="access_key", access_key_id="SANDBOXBROKERKEYID00", access_key_secret="sandbox-broker-secret"))
    endpoint = os.environ["SLUICE_STS"].removeprefix("http://")
    return Client(Config(credential=credential, endpoint=endpoint, protocol="http"))


def assume_role(session):
    request = models.AssumeRoleRequest(role_arn="acs:ram::1000000000000001:role/sluice-uploader", role_session_name=session,
                                       duration_seconds=3600)
    credentials = sts_client().assume_role(request).body.credentials
    return {"StatusCode": 200, "AccessKeyId": credentials.access_key_id, "AccessKeySecret": credentials.access_key_secret,
            "SecurityToken": credentials.security_token, "Expiration": credentials.expiration}


@app.get("/get_sts_token")
def get_sts_token():
    return jsonify(assume_role("seed"))

"""The templates of deploy/ros as tests create their stacks."""
import ros_template
from local_cloud import ACCOUNT, REGION, ROOT

TEMPLATES = ROOT / "deploy/ros"
PSEUDO = {"ALIYUN::TenantId": ACCOUNT, "ALIYUN::Region": REGION}
ATTRIBUTES = {
    "BrokerRole.RoleName": "sluice-broker", "BrokerRole.Arn": "arn", "UploaderRole.Arn": "arn", "Bucket.Name": "photos-of-acme",
    "Bucket.InternalDomainName": "photos-of-acme.oss-cn-hangzhou-internal.aliyuncs.com", "Instance.PublicIps": ["203.0.113.7"],
    "Installed.CurlCli": "signal-to-ros -H 'X-Auth-Token: t'",
}
PARAMETERS = {
    "quick": {
        "BucketName": "photos-of-acme", "Domain": "localhost", "JwtIssuer": "https://id.example.com",
        "JwksUrl": "https://id.example.com/jwks.json", "PackagesUrl": "https://packages.example.com/sluice", "PackagesDigest": "0" * 64,
        "ZoneId": "cn-hangzhou-i",
    },
    "ack": {"BucketName": "photos-of-acme", "OidcProviderName": "sandbox"},
}


def resolved(name, **parameters):
    """The template's resources as ROS would create them."""
    _, template = ros_template.load(TEMPLATES / f"{name}.yaml")
    resolver = ros_template.Resolver(template, {**PARAMETERS[name], **parameters}, PSEUDO, ATTRIBUTES)
    assert not resolver.unknown, resolver.unknown
    return resolver.resolve(template["Resources"])

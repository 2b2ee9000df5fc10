#!/usr/bin/env python3
"""Writes the policies of a broker's config into a ROS template.

    sluice-broker --config broker.yaml --print-ram-policy --ram-identity role/sluice-broker | deploy/ros/policies.py quick.yaml > mine.yaml

The template's passages between `# policy PLACE` and `# end of policy`, and the longest session, are replaced by what the broker printed;
account, bucket and names of roles become the template's own parameters. A config whose grants have several roles has no place in a
template of one.
"""
import json
import re
import sys

PASSAGE = re.compile(r"^( *)# policy (\S+)\n.*?^ *# end of policy\n", re.MULTILINE | re.DOTALL)
BUCKET = re.compile(r"acs:oss:\*:\*:([a-z0-9-]+)")


def found(document, place):
    """The part of a JSON document at a place such as `roles.0.ceiling`."""
    for step in place.split("."):
        document = document[int(step)] if step.isdigit() else document[step]
    return document


def parameters(printed):
    """What stands in the printed policies, longest first, and the parameter of the template that it becomes."""
    account, broker = re.fullmatch(r"acs:ram::(\d+):role/(.+)", printed["broker"]["arn"]).groups()
    out = [
        (f"acs:ram::{account}:", "acs:ram::${ALIYUN::TenantId}:"),
        (f":role/{broker}", ":role/${BrokerRoleName}"),
        (":role/" + printed["roles"][0]["arn"].split("/")[1], ":role/${UploaderRoleName}"),
    ]
    for provider in re.findall(r":oidc-provider/([^\"]+)", json.dumps(printed)):
        out.append((f":oidc-provider/{provider}", ":oidc-provider/${OidcProviderName}"))
    for account_of_pods in re.findall(r"system:serviceaccount:([^\"]+)", json.dumps(printed)):
        out.append((f"system:serviceaccount:{account_of_pods}", "system:serviceaccount:${Namespace}:${ServiceAccount}"))
    bucket = BUCKET.search(json.dumps(printed["roles"][0]["ceiling"]))
    out.append((f"acs:oss:*:*:{bucket[1]}/", "acs:oss:*:*:${BucketName}/"))
    return bucket[1], out


def scalar(text, bucket, replaced):
    """A text as YAML, by Fn::Sub where it holds what differs between accounts."""
    if text == f"acs:oss:*:*:{bucket}":
        return {"Fn::Sub": "acs:oss:*:*:${BucketName}"}
    for old, new in replaced:
        text = text.replace(old, new)
    return {"Fn::Sub": text} if "${" in text else text


def lines(value, indent, bucket, replaced):
    """Block YAML of a policy; lists of plain texts stand in a line."""
    if isinstance(value, str):
        value = scalar(value, bucket, replaced)
        if isinstance(value, str):
            yield f"{indent}{json.dumps(value)}"
            return
        yield f"{indent}Fn::Sub: {json.dumps(value['Fn::Sub'])}"
    elif isinstance(value, list):
        if all(isinstance(item, str) and isinstance(scalar(item, bucket, replaced), str) for item in value):
            yield indent + json.dumps(value)
            return
        for item in value:
            first, *rest = lines(item, indent + "  ", bucket, replaced)
            yield f"{indent}- {first.lstrip()}"
            yield from rest
    else:
        for name, member in value.items():
            first, *rest = lines(member, indent + "  ", bucket, replaced)
            key = json.dumps(name) if ":" in name else name
            if rest or first.lstrip().startswith(("- ", "Fn::Sub")) or isinstance(member, dict):
                yield f"{indent}{key}:"
                yield from (first, *rest)
            else:
                yield f"{indent}{key}: {first.lstrip()}"


def written(template, printed):
    """The template with the printed policies."""
    if len(printed["roles"]) != 1:
        raise SystemExit("policies.py: the grants have several roles; a template is for one")
    if ":role/" not in printed["broker"]["arn"]:
        raise SystemExit("policies.py: print the policies with --ram-identity role/NAME; the templates keep no access key")
    bucket, replaced = parameters(printed)

    def passage(match):
        indent, place = match.groups()
        text = "\n".join(lines(found(printed, place), indent, bucket, replaced))
        return f"{indent}# policy {place}\n{text}\n{indent}# end of policy\n"

    life = printed["roles"][0]["max_session_seconds"]
    return re.sub(r"(?m)^( *MaxSessionDuration:) \d+$", rf"\g<1> {life}", PASSAGE.sub(passage, template))


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as template:
        sys.stdout.write(written(template.read(), json.load(sys.stdin)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Stands in the place of the vendor's command line in guide_test.py: holds what it is told against the vendor's SDK, as far as that
describes it, and writes down what would exist afterwards. Its state is the file ALIYUN_STATE."""
import importlib.util
import json
import os
import pathlib
import re
import sys
import xml.etree.ElementTree

SDKS = {"ram": "alibabacloud_ram20150501", "ros": "alibabacloud_ros20190910"}


def members(service, request):
    """What a request of the API has, by the SDK's model of it, read as text."""
    package = pathlib.Path(importlib.util.find_spec(SDKS[service]).origin).parent
    file = package / "models" / ("_" + re.sub(r"(?<!^)([A-Z])", r"_\1", request).lower() + "_request.py")
    if not file.exists():
        raise SystemExit(f"aliyun: {service} has no {request}")
    return set(re.findall(r"result\['(\w+)'\]", file.read_text(encoding="utf-8")))


def options_of(words):
    """`--A.1.B value` as {"A.1.B": value}; each must have a value."""
    out = {}
    while words:
        name, value, *words = words
        if not name.startswith("--") or name[2:] in out:
            raise SystemExit(f"aliyun: {name} is no option, or stands twice")
        out[name[2:]] = value
    return out


def ram(call, options, state):
    if call in ("CreateUser", "CreateRole", "CreatePolicy"):
        kind = call.removeprefix("Create")
        name = options[f"{kind}Name"]
        if name in state.setdefault(kind, {}):
            raise SystemExit(f"aliyun: EntityAlreadyExists.{kind}")
        documents = {key: json.loads(value) for key, value in options.items() if key.endswith("Document")}
        for document in documents.values():
            if len(json.dumps(document)) > 6144:
                raise SystemExit("aliyun: InvalidParameter.PolicyDocument.Length")
        state[kind][name] = {**options, **documents, "policies": []}
    elif call == "CreateAccessKey":
        user = state["User"][options["UserName"]]
        user["key"] = {"AccessKeyId": "LTAItestkey000000000", "AccessKeySecret": "test-secret-of-the-key"}
        print(json.dumps({"AccessKey": user["key"]}))
    elif call in ("AttachPolicyToUser", "AttachPolicyToRole"):
        kind = call.removeprefix("AttachPolicyTo")
        if options["PolicyType"] != "Custom":
            raise SystemExit("aliyun: a policy of one's own is Custom")
        policy = state["Policy"][options["PolicyName"]]["PolicyDocument"]
        state[kind][options[f"{kind}Name"]]["policies"].append(policy)
    else:
        raise SystemExit(f"aliyun: {call} is not imitated")


def ros(call, options, state):
    if call != "CreateStack":
        raise SystemExit(f"aliyun: {call} is not imitated")
    parameters = {}
    for number in range(1, 100):
        if f"Parameters.{number}.ParameterKey" in options:
            parameters[options[f"Parameters.{number}.ParameterKey"]] = options[f"Parameters.{number}.ParameterValue"]
    state.setdefault("Stack", []).append({**options, "parameters": parameters})


def oss(words, state):
    command, *words = words
    plain = [word for at, word in enumerate(words) if not word.startswith("--") and not (at and words[at - 1].startswith("--"))]
    bucket = re.fullmatch(r"oss://([a-z0-9-]+)", plain[0])[1]
    options = {words[at]: words[at + 1] for at in range(len(words) - 1) if words[at].startswith("--")}
    if command == "mb":
        state.setdefault("Bucket", {})[bucket] = {"acl": options["--acl"], "region": options["--region"]}
    elif command in ("lifecycle", "cors") and options["--method"] == "put":
        xml.etree.ElementTree.parse(plain[1])
        state["Bucket"][bucket][command] = pathlib.Path(plain[1]).read_text(encoding="utf-8")
    else:
        raise SystemExit(f"aliyun: oss {command} is not imitated")


def main():
    path = pathlib.Path(os.environ["ALIYUN_STATE"])
    state = json.loads(path.read_text()) if path.exists() else {}
    service, *words = sys.argv[1:]
    if service == "oss":
        oss(words, state)
    else:
        call, *words = words
        options = options_of(words)
        unknown = {name.split(".")[0] for name in options} - members(service, call)
        if unknown:
            raise SystemExit(f"aliyun: {service} {call} takes no {', '.join(sorted(unknown))}")
        {"ram": ram, "ros": ros}[service](call, options, state)
    path.write_text(json.dumps(state))


if __name__ == "__main__":
    main()

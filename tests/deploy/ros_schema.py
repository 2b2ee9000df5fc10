"""What ROS takes: resource types, their properties and values, as the vendor's own CDK checks them.

Read from the generated JavaScript inside the PyPI packages ros-cdk-*, which has the exact names (the type manifests beside it have
them in another case). It is read as text and never run.
"""
import importlib.util
import io
import pathlib
import re
import tarfile

# Every function of one screen in the generated files.
FUNCTION = re.compile(r"^function (\w+)\(properties(?:, \w+)?\) \{\n(.*?)^\}\n", re.MULTILINE | re.DOTALL)
TYPE = re.compile(r'^(\w+)\.ROS_RESOURCE_TYPE_NAME = "([\w:]+)";', re.MULTILINE)
MEMBER = re.compile(r"^ +'?(\w+)'?: (.+)\(properties\.(\w+)\),$", re.MULTILINE)
RULE = re.compile(r"propertyValidator\('(\w+)', ros\.(validateAllowedValues|validateRange|validateLength|validateAllowedPattern)\)"
                  r"\(\{\n(.*?)\}\)", re.DOTALL)


class Schema:
    """Judges resources of templates whose functions were resolved."""

    def __init__(self, modules):
        self._functions, self._classes, self._texts = {}, {}, {}
        for module in modules:
            text = generated(module)
            self._functions.update(FUNCTION.findall(text))
            for name, kind in TYPE.findall(text):
                self._classes[kind] = name
                self._texts[kind] = text

    def attributes(self, kind):
        """What Fn::GetAtt can have of a resource."""
        body = re.search(rf"^class {self._classes[kind]} extends .*?^\}}\n", self._texts[kind], re.MULTILINE | re.DOTALL)[0]
        return set(re.findall(r"this\.getAtt\('(\w+)'\)", body))

    def problems(self, name, resource):
        """Yields what ROS would refuse."""
        kind = resource.get("Type")
        if kind not in self._classes:
            yield f"{name}: no resource type {kind}"
            return
        for member in set(resource) - {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "Count", "Metadata"}:
            yield f"{name}: no member {member} of a resource"
        yield from self._object(name, f"r{self._classes[kind][1:]}PropsToRosTemplate", resource.get("Properties", {}))

    def _object(self, at, mapper, value):
        if not isinstance(value, dict):
            yield f"{at}: {value!r} is no object"
            return
        body = self._functions[mapper]
        members = {name: (how, inner) for name, how, inner in MEMBER.findall(body)}
        rules = self._functions[re.search(r"(\w+Validator)\(properties\)\.assertSuccess", body)[1]]
        for name in value:
            if name not in members:
                yield f"{at}: no property {name}; there are {', '.join(members)}"
        for name, (how, inner) in members.items():
            if name in value:
                yield from self._value(f"{at}.{name}", how, value[name])
                yield from broken(f"{at}.{name}", inner, rules, value[name])
            elif f"propertyValidator('{inner}', ros.requiredValidator)" in rules:
                yield f"{at}: {name} is missing"

    def _value(self, at, how, value):
        collection = re.fullmatch(r"ros\.(list|hash)Mapper\((.+)\)", how)
        if collection:
            wanted = list if collection[1] == "list" else dict
            if not isinstance(value, wanted):
                yield f"{at}: {value!r} is no {collection[1]}"
                return
            items = enumerate(value) if wanted is list else value.items()
            for key, item in items:
                yield from self._value(f"{at}.{key}", collection[2], item)
        elif how in self._functions:
            yield from self._object(at, how, value)
        else:
            right = {
                "ros.stringToRosTemplate": lambda v: isinstance(v, str),
                "ros.numberToRosTemplate": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
                "ros.booleanToRosTemplate": lambda v: isinstance(v, bool),
                "ros.objectToRosTemplate": lambda v: True,
            }[how]
            if not right(value):
                yield f"{at}: {value!r} is not what {how} takes"


def broken(at, inner, rules, value):
    """Yields the rules for one property that its value breaks."""
    for name, rule, data in RULE.findall(rules):
        if name != inner:
            continue
        if rule == "validateAllowedValues":
            allowed = re.findall(r'"([^"]*)"|(\d+)|(true|false)', re.search(r"allowedValues: \[(.*)\]", data)[1])
            texts = {next(part for part in found if part) for found in allowed}
            if (str(value).lower() if isinstance(value, bool) else str(value)) not in texts:
                yield f"{at}: {value!r} is none of {sorted(texts)}"
        elif rule == "validateAllowedPattern":
            if not re.search(re.search(r"reg: /(.*)/", data)[1].replace(r"\/", "/"), str(value)):
                yield f"{at}: {value!r} does not match"
        else:
            size = len(value) if rule == "validateLength" else value
            for bound, wrong in (("min", lambda limit: size < limit), ("max", lambda limit: size > limit)):
                limit = re.search(rf"{bound}: (-?[\d.]+)", data)
                if limit and wrong(float(limit[1])):
                    yield f"{at}: {value!r} is beyond {bound} {limit[1]}"


def generated(module):
    """lib/<module>.generated.js of the installed package ros-cdk-<module>."""
    package = pathlib.Path(importlib.util.find_spec(f"ros_cdk_{module}").origin).parent
    archive = next((package / "_jsii").glob("*.jsii.tgz"))
    with tarfile.open(archive) as files:
        return io.TextIOWrapper(files.extractfile(f"package/lib/{module}.generated.js"), encoding="utf-8").read()

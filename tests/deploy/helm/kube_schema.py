"""Judges objects by the API's own schemas: those that Kubernetes serves as OpenAPI, and those in an operator's definitions.

Stricter than Kubernetes' validation of the same schemas in one point: a field that the schema does not know is an error, as with `kubectl
apply --validate=strict`. What only the API server's code checks (fields that depend on each other, names) is not here.
"""
import functools
import json

import jsonschema
import yaml


class _Loader(yaml.CSafeLoader):
    """YAML 1.1 reads a lone `=` as a value of its own kind, which these definitions do not mean."""


_Loader.add_constructor("tag:yaml.org,2002:value", _Loader.construct_yaml_str)


def _strict(schema, within_all_of=False):
    """The same schema as JSON Schema, in which unknown fields are errors."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties", "$defs"):
            out[key] = {name: _strict(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties", "not"):
            out[key] = _strict(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            # A lone reference with a default beside it is how OpenAPI 3.0 writes a reference.
            out[key] = [one if _is_reference(one) else _strict(one, within_all_of=True) for one in value]
        elif key not in ("default", "description", "example", "format", "nullable") and not key.startswith("x-kubernetes"):
            out[key] = value
    if "$ref" in out:
        return {"$ref": out["$ref"].replace("#/components/schemas/", "#/$defs/")}
    if "allOf" in out:
        out["allOf"] = [{"$ref": one["$ref"].replace("#/components/schemas/", "#/$defs/")} if _is_reference(one) else one for one in out["allOf"]]
    if schema.get("x-kubernetes-int-or-string"):
        out.pop("type", None)
        out["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("properties") and "additionalProperties" not in schema and not within_all_of and not schema.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    if schema.get("nullable") and "type" in out:
        out["type"] = [out["type"], "null"]
    if schema.get("format") == "int32":
        out["minimum"], out["maximum"] = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31 - 1)
    return out


def _is_reference(schema):
    return isinstance(schema, dict) and "$ref" in schema


class Schemas:
    """Of one Kubernetes and the operators' definitions, by folder."""

    def __init__(self, kubernetes, definitions):
        self._kubernetes = kubernetes
        self._custom = {}
        for folder in definitions:
            for path in sorted(folder.glob("*.yaml")):
                definition = yaml.load(path.read_text(), _Loader)
                for version in definition["spec"]["versions"]:
                    schema = _strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"]["metadata"] = {"type": "object"}
                    self._custom[f"{definition['spec']['group']}/{version['name']}", definition["spec"]["names"]["kind"]] = schema

    @functools.lru_cache(maxsize=None)
    def _file(self, group_version):
        path = "api__v1" if group_version == "v1" else "apis__" + group_version.replace("/", "__")
        components = json.loads((self._kubernetes / f"{path}_openapi.json").read_text())["components"]["schemas"]
        kinds = {kind["kind"]: name for name, schema in components.items() for kind in schema.get("x-kubernetes-group-version-kind", [])
                 if "/".join(filter(None, (kind["group"], kind["version"]))) == group_version}
        return kinds, {name: _strict(schema) for name, schema in components.items()}

    @functools.lru_cache(maxsize=None)
    def _validator(self, group_version, kind):
        if (group_version, kind) in self._custom:
            return jsonschema.Draft202012Validator(self._custom[group_version, kind])
        kinds, definitions = self._file(group_version)
        return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kinds[kind]}", "$defs": definitions})

    def faults(self, one):
        """What is wrong with an object, a line each."""
        try:
            validator = self._validator(one["apiVersion"], one["kind"])
        except (FileNotFoundError, KeyError):
            return [f"{one['apiVersion']} {one['kind']}: no such kind"]
        where = f"{one['kind']} {one['metadata']['name']}"
        return [f"{where}: {'.'.join(map(str, fault.absolute_path))}: {fault.message[:300]}" for fault in validator.iter_errors(one)]

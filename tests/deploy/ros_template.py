"""A ROS template with its functions resolved, as far as these templates use them. Anything else is an error, not a guess."""
import re

import yaml


class Resolver:
    """Resolves by parameters, pseudo parameters and attributes; `attributes` are values of Fn::GetAtt by `Resource.Attribute`."""

    def __init__(self, template, parameters, pseudo, attributes):
        self.template = template
        self.values = dict(pseudo)
        for name, parameter in template["Parameters"].items():
            if name not in parameters and "Default" not in parameter:
                raise KeyError(f"parameter {name} has neither value nor default")
            self.values[name] = parameters.get(name, parameter.get("Default"))
        self.unknown = set(parameters) - set(template["Parameters"])
        self.attributes = attributes

    def resolve(self, value):
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return getattr(self, "_" + name[4:].lower())(argument)
        return {name: self.resolve(member) for name, member in value.items()}

    def _ref(self, name):
        return name if name in self.template["Resources"] else self.values[name]

    def _getatt(self, argument):
        return self.attributes[".".join(argument)]

    def _sub(self, text):
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(self.values[found[1]]), text)

    def _replace(self, argument):
        replaced, text = argument
        for old, new in replaced.items():
            text = text.replace(old, str(self.resolve(new)))
        return text

    def _if(self, argument):
        condition, yes, no = argument
        return self.resolve(yes if self.resolve(self.template["Conditions"][condition]) else no)

    def _not(self, argument):
        return not self.resolve(argument)

    def _equals(self, argument):
        left, right = self.resolve(argument)
        return left == right

    def _select(self, argument):
        index, items = argument
        return self.resolve(items)[int(index)]


def references(value):
    """Every Ref, ${name} and Fn::GetAtt under a value."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name == "Ref":
                yield "ref", member
            elif name == "Fn::GetAtt":
                yield "attribute", tuple(member)
            elif name == "Fn::Sub":
                for found in re.findall(r"\$\{([^}]+)\}", member):
                    yield "ref", found
            elif name == "DependsOn":
                for other in [member] if isinstance(member, str) else member:
                    yield "resource", other
            yield from references(member)


def load(path):
    """A template as text and as value. A key that stands twice would be lost in silence, so it is refused."""

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [loader.construct_object(key) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError(f"a key stands twice: {node.start_mark}")
        return yaml.SafeLoader.construct_mapping(loader, node, deep=True)

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    text = path.read_text(encoding="utf-8")
    return text, yaml.load(text, Loader)

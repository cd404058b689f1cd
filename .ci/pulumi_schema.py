"""Writes the schema of the Pulumi provider `aws` to standard output, as the provider itself would return it from GetSchema,
limited to some modules:

    pulumi_schema.py pulumi_aws-7.51.1-py3-none-any.whl sqs s3 …

The provider is too large to build in CI (its schema is not published on its own), but its Python package is generated from
that schema and contains the names, types, requirements, secrets and deprecations of everything. The package is only parsed.
https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

import ast
import functools
import json
import re
import sys
import zipfile

ANY = {"$ref": "pulumi.json#/Any"}
PRIMITIVE = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
DEPRECATED = re.compile(r'^    warnings\.warn\("""(.*?)""", DeprecationWarning\)', re.M | re.S)
SECRET_OUTPUTS = re.compile(r"additional_secret_outputs=(\[[^\]]*\])")
INVOKED = re.compile(r"pulumi\.runtime\.invoke\('([^']+)'")


def camel(name):
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)


def last_name(node):
    """`pulumi.Input` and `Input` -> `Input`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class Package:
    def __init__(self, wheel):
        self.wheel = zipfile.ZipFile(wheel)
        self.files = set(self.wheel.namelist())
        self.types, self.resources, self.functions = {}, {}, {}

    @functools.cache
    def text(self, path):
        return self.wheel.read(path).decode()

    @functools.cache
    def classes(self, path):
        if path not in self.files:
            return {}
        tree = ast.parse(self.text(path))
        return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def read(self, module):
        """Reads all resources and functions of a module; `index` is the package itself."""
        folder = "pulumi_aws/" if module == "index" else f"pulumi_aws/{module}{'_' if module == 'lambda' else ''}/"
        for path in sorted(self.files):
            name = path.removeprefix(folder)
            if path.startswith(folder) and "/" not in name and name.endswith(".py") and not name.startswith("_"):
                if name.startswith("get_"):
                    self.function(module, folder, path)
                elif name not in ("outputs.py", "provider.py"):
                    self.resource(module, folder, path)

    def resource(self, module, folder, path):
        classes = self.classes(path)
        for name, node in classes.items():
            token = next((d.args[0].value for d in node.decorator_list
                          if isinstance(d, ast.Call) and last_name(d.func) == "type_token"), None)
            # A nested type may have the name of the resource's own arguments, which are called …InitArgs then.
            arguments = classes.get(f"{name}InitArgs") or classes.get(f"{name}Args")
            if token is None or arguments is None:
                continue
            source = ast.get_source_segment(self.text(path), node)
            inputs, required = self.members(arguments, module, folder)
            outputs = {key: self.property(getter, getter.returns, module, folder) for key, getter in getters(node)}
            for listed in SECRET_OUTPUTS.findall(source):
                for key in ast.literal_eval(listed):
                    for properties in (inputs, outputs):
                        if key in properties:
                            properties[key]["secret"] = True
            entry = {"inputProperties": inputs, "requiredInputs": required, "properties": outputs, "required": []}
            deprecated = DEPRECATED.search(source)
            if deprecated:
                entry["deprecationMessage"] = deprecated.group(1)
            self.resources[token] = entry

    def function(self, module, folder, path):
        found = INVOKED.search(self.text(path))
        results = [node for name, node in self.classes(path).items() if name.endswith("Result") and not name.startswith("Awaitable")]
        if not found or not results:
            return
        token = found.group(1)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", token.split(":")[-1]).lower()
        declared = next((node for node in ast.parse(self.text(path)).body
                         if isinstance(node, ast.FunctionDef) and node.name in (name, path.split("/")[-1][:-3])), None)
        if declared is None:
            return
        inputs = {camel(argument.arg): self.spec(argument.annotation, module, folder)
                  for argument in declared.args.args if argument.arg != "opts"}
        outputs = {key: self.property(getter, getter.returns, module, folder) for key, getter in getters(results[0])}
        self.functions[token] = {"inputs": {"type": "object", "properties": inputs, "required": []},
                                 "outputs": {"type": "object", "properties": outputs, "required": list(outputs)}}

    def members(self, node, module, folder):
        """The properties of a class of arguments, and the names of those without a default."""
        named = dict(getters(node))
        by_python_name = {getter.name: (key, getter) for key, getter in named.items()}
        init = next(m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__")
        arguments = list(zip(init.args.kwonlyargs, init.args.kw_defaults))
        properties, required = {}, []
        for argument, default in arguments:
            key, getter = by_python_name.get(argument.arg, (camel(argument.arg), None))
            properties[key] = self.property(getter, argument.annotation, module, folder)
            if default is None:
                required.append(key)
        return properties, required

    def property(self, getter, annotation, module, folder):
        spec = dict(self.spec(annotation, module, folder))
        for decorator in getter.decorator_list if getter else []:
            if isinstance(decorator, ast.Call) and last_name(decorator.func) == "deprecated":
                spec["deprecationMessage"] = decorator.args[0].value
        return spec

    def spec(self, node, module, folder):
        """The schema of an annotation."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.named(node.value, module, folder)
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = last_name(node)
            if name in PRIMITIVE:
                return {"type": PRIMITIVE[name]}
            return {"$ref": f"pulumi.json#/{name}"} if name in ("Asset", "Archive") else ANY
        if not isinstance(node, ast.Subscript):
            return ANY
        kind = last_name(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if kind in ("Input", "Output", "Optional"):
            return self.spec(inner[0], module, folder)
        if kind in ("Sequence", "List"):
            return {"type": "array", "items": self.spec(inner[0], module, folder)}
        if kind in ("Mapping", "Dict"):
            return {"type": "object", "additionalProperties": self.spec(inner[1], module, folder)}
        if kind == "Union":
            # The class, its dictionary form and its output form are one type; so are an enumeration and its values.
            options = [option for option in inner if not dictionary_or_output(option)]
            specs = [self.spec(option, module, folder) for option in options or inner]
            return next((s for s in specs if s != ANY), ANY)
        return ANY

    def named(self, name, module, folder):
        """A class that an annotation names as text: arguments, outputs or an enumeration."""
        name = name.split(".")[-1]
        short = re.sub(r"Args$", "", name)
        node = self.classes(f"{folder}_inputs.py").get(f"{short}Args") or self.classes(f"{folder}outputs.py").get(short)
        if node is None:
            return {"type": "string"} if name in self.classes(f"{folder}_enums.py") else ANY
        token = f"aws:{module}/{short}:{short}"
        if token not in self.types:
            self.types[token] = {}  # for types that contain themselves
            properties, required = self.members(node, module, folder)
            self.types[token] = {"type": "object", "properties": properties, "required": required}
        return {"$ref": f"#/types/{token}"}

    def document(self):
        region = {"region": {"type": "string"}, "profile": {"type": "string"}}
        version = re.search(r"^Version: (.*)$", self.text(next(
            f for f in self.files if f.endswith(".dist-info/METADATA"))), re.M).group(1)
        return {"name": "aws", "version": version, "types": self.types, "resources": self.resources,
                "functions": self.functions, "config": {"variables": region},
                "provider": {"inputProperties": region, "properties": region}}


def getters(node):
    """The properties of a class with the names that they have in programs."""
    for method in node.body:
        for decorator in method.decorator_list if isinstance(method, ast.FunctionDef) else []:
            call = decorator if isinstance(decorator, ast.Call) else None
            if last_name(call.func if call else decorator) == "getter":
                names = [k.value.value for k in call.keywords if k.arg == "name"] if call else []
                yield (names[0] if names else camel(method.name)), method


def dictionary_or_output(option):
    name = option.value if isinstance(option, ast.Constant) and isinstance(option.value, str) else ""
    return name.endswith("ArgsDict") or name.startswith("outputs.") or last_name(getattr(option, "value", None)) == "Awaitable"


def main():
    wheel, *modules = sys.argv[1:]
    package = Package(wheel)
    for module in ["index", *modules]:
        package.read(module)
    json.dump(package.document(), sys.stdout)


if __name__ == "__main__":
    main()

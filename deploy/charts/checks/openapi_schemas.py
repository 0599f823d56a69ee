#!/usr/bin/env python3
"""Makes JSON schemas for kubeconform from the OpenAPI document of an API server.

    kubectl get --raw /openapi/v2 | openapi_schemas.py FOLDER

By default, kubeconform downloads its schemas; these are the schemas of the server itself. They are strict: a field that the server
does not have is an error. Each kind has one self-contained file, KIND-GROUP-VERSION.json.
"""

import json
import sys
from pathlib import Path

ANY_OF = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["integer", "string"]},
    # The server accepts numbers and strings.
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["number", "string"]},
}


def strict(schema):
    """Converts an OpenAPI definition to JSON Schema, and forbids properties that it does not list."""
    if isinstance(schema, list):
        return [strict(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string":
        return ANY_OF["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    result = {
        key: strict(value)
        for key, value in schema.items()
        if key not in ("description", "properties", "format") and not key.startswith("x-")
    }
    if "properties" in schema:
        # Handled separately, because a property can have the name `format` or `description`.
        result["properties"] = {name: strict(value) for name, value in schema["properties"].items()}
        result.setdefault("additionalProperties", False)
    return result


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/definitions/")
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    source = json.load(sys.stdin)["definitions"]
    definitions = {name: ANY_OF.get(name) or strict(schema) for name, schema in source.items()}
    for name, schema in source.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        # Definitions of several kinds, such as DeleteOptions, are not objects that manifests contain.
        if len(kinds) != 1:
            continue
        group, version, kind = (kinds[0][part] for part in ("group", "version", "kind"))
        needed, pending = {}, [name]
        while pending:
            one = pending.pop()
            if one not in needed:
                needed[one] = definitions[one]
                pending.extend(references(definitions[one]))
        file = "-".join(part for part in (kind, group.split(".")[0], version) if part).lower() + ".json"
        document = {"$ref": f"#/definitions/{name}", "definitions": needed}
        (folder / file).write_text(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

#!/usr/bin/env python3
"""Makes docs/http-reference.md from docs/openapi.yaml.

usage: http_reference.py [--check]     --check: changes nothing, exits 1 if the page is not up to date
"""
import difflib
import pathlib
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / 'docs/openapi.yaml'
PAGE = ROOT / 'docs/http-reference.md'
METHODS = ('get', 'put', 'post', 'delete')
HEAD = '''# HTTP reference

Every operation, parameter, field and status. Made from [openapi.yaml](openapi.yaml) by
`api/http_reference.py`; change that document, not this page. [http-api.md](http-api.md) has the conventions,
examples and the list of errors.
'''


class Reference:
    def __init__(self, document):
        self.document = document
        self.schemas = document['components']['schemas']

    def resolve(self, value):
        while '$ref' in value:
            target = self.document
            for part in value['$ref'][2:].split('/'):
                target = target[part.replace('~1', '/').replace('~0', '~')]
            value = target
        return value

    def page(self):
        lines = [HEAD]
        operations = list(self.operations())
        for tag in self.document['tags']:
            lines += [f'## {tag["name"].capitalize()}', '', tag['description'], '']
            for path, method, item, operation in operations:
                if operation['tags'] == [tag['name']]:
                    lines += self.operation(path, method, item, operation)
        lines += ['## Types', '', 'What the tables name. `?` behind a field: it may be absent.', '']
        for name, schema in sorted(self.schemas.items()):
            lines += [f'### {name}', ''] + self.schema(schema)
        return '\n'.join(lines).rstrip() + '\n'

    def operations(self):
        for path, item in self.document['paths'].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item, item[method]

    def operation(self, path, method, item, operation):
        lines = [f'### {method.upper()} {path}', '', operation['summary']]
        if 'description' in operation:
            lines += ['', operation['description'].strip()]
        lines.append('')
        parameters = [self.resolve(each)
                      for each in item.get('parameters', []) + operation.get('parameters', [])]
        if parameters:
            lines += ['| parameter | in | type | |', '|---|---|---|---|']
            lines += [self.parameter(each) for each in parameters] + ['']
        if 'requestBody' in operation:
            lines += self.body(self.resolve(operation['requestBody']))
        lines += ['| status | body | |', '|---|---|---|']
        refusals = []
        for status, response in operation['responses'].items():
            if response.get('$ref', '').endswith('/Problem'):
                refusals.append(status)
            elif status != 'default':
                lines.append(self.response(status, response))
        if refusals:
            lines.append(f'| {", ".join(refusals)} | [Problem](#problem) | |')
        return lines + ['']

    def parameter(self, parameter):
        name = f'`{parameter["name"]}`' + ('' if parameter.get('required') else '?')
        text = one_line(parameter.get('description', ''))
        return f'| {name} | {parameter["in"]} | {self.type_of(parameter["schema"])} | {text} |'

    def body(self, body):
        kind, media = next(iter(body['content'].items()))
        schema = media.get('schema', {})
        optional = '' if body.get('required') else ' It may be absent.'
        lines = []
        if kind == '*/*':
            lines += [one_line(body.get('description', '')), '']
        elif '$ref' in schema:
            lines += [f'Body, JSON: {self.type_of(schema)}.{optional}', '']
        else:
            lines += [f'Body, JSON.{optional}', ''] + self.schema(schema)
        return lines

    def response(self, status, response):
        said = self.resolve(response)
        bodies = []
        for kind, media in said.get('content', {}).items():
            if kind == '*/*':
                bodies.append('the value')
            elif kind in ('application/json', 'application/problem+json') and 'schema' in media:
                bodies.append(self.type_of(media['schema']))
            else:
                bodies.append(f'`{kind}`')
        return f'| {status} | {" or ".join(bodies)} | {one_line(said["description"])} |'

    # A schema in a section of its own.
    def schema(self, schema):
        lines = []
        if 'description' in schema:
            lines += [one_line(schema['description']), '']
        if 'properties' not in schema:
            return lines + [f'Type: {self.type_of(schema, own=True)}', '']
        lines += ['| field | type | |', '|---|---|---|']
        return lines + list(self.fields(schema, '')) + ['']

    # A row for each field, those of objects that have no name of their own included.
    def fields(self, schema, path):
        required = schema.get('required', [])
        for name, of in schema['properties'].items():
            mark = '' if name in required else '?'
            inner, each = (of.get('items', {}), '[]') if of.get('type') == 'array' else (of, '')
            nested = 'properties' in inner
            kind = ('list of objects' if each else 'object') if nested else self.type_of(of)
            text = one_line(of.get('description', ''))
            yield f'| `{path}{name}`{mark} | {kind}{limits(of) if nested else ""} | {text} |'
            if nested:
                yield from self.fields(inner, f'{path}{name}{each}.')

    # A schema in a cell of a table.
    def type_of(self, schema, own=False):
        if '$ref' in schema:
            name = schema['$ref'].split('/')[-1]
            return f'[{name}](#{name.lower()})'
        for choice in ('oneOf', 'anyOf'):
            if choice in schema:
                return ' or '.join(self.type_of(each) for each in schema[choice])
        if 'allOf' in schema and len(schema['allOf']) == 1:
            return self.type_of(schema['allOf'][0])
        if 'const' in schema:
            return f'`{literal(schema["const"])}`'
        if 'enum' in schema:
            return ', '.join(f'`{literal(each)}`' for each in schema['enum'])
        kinds = schema.get('type', 'any JSON')
        kinds = kinds if isinstance(kinds, list) else [kinds]
        return ' or '.join(self.kind(kind, schema) for kind in kinds) + limits(schema)

    def kind(self, kind, schema):
        if kind == 'array':
            return f'list of {self.type_of(schema.get("items", {}))}'
        if kind == 'object' and 'properties' in schema:
            required = schema.get('required', [])
            fields = (f'`{name}`{"" if name in required else "?"} {self.type_of(of)}'
                      for name, of in schema['properties'].items())
            return '{ ' + ', '.join(fields) + ' }'
        if kind == 'object' and isinstance(schema.get('additionalProperties'), dict):
            return f'map to {self.type_of(schema["additionalProperties"])}'
        return kind


def literal(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def limits(schema):
    found = []
    if 'format' in schema:
        found.append(schema['format'])
    low, high = schema.get('minimum'), schema.get('maximum')
    if low is not None and high is not None:
        found.append(f'{low} to {"2^53 − 1" if high == 2**53 - 1 else high}')
    elif low is not None:
        found.append(f'at least {low}')
    if 'pattern' in schema:
        found.append(f'`{schema["pattern"]}`'.replace('|', '\\|'))
    if 'maxLength' in schema:
        found.append(f'at most {schema["maxLength"]} long')
    if 'maxItems' in schema:
        found.append(f'at most {schema["maxItems"]}')
    if schema.get('default', '') != '':
        found.append(f'default `{literal(schema["default"])}`')
    return f' ({"; ".join(found)})' if found else ''


def one_line(text):
    return ' '.join(text.split()).replace('|', '\\|')


def main():
    page = Reference(yaml.safe_load(DOCUMENT.read_text(encoding='utf-8'))).page()
    if sys.argv[1:] == ['--check']:
        present = PAGE.read_text(encoding='utf-8') if PAGE.exists() else ''
        if present == page:
            print('docs/http-reference.md is up to date.')
            return 0
        sys.stdout.writelines(difflib.unified_diff(present.splitlines(True), page.splitlines(True),
                                                   'docs/http-reference.md', 'as openapi.yaml has it'))
        print('\ndocs/http-reference.md is not up to date: run api/http_reference.py')
        return 1
    PAGE.write_text(page, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())

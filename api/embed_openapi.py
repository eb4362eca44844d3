#!/usr/bin/env python3
"""usage: embed_openapi.py OPENAPI.yaml OUT.cc

Writes a C++ source with the document's text, and the same document as JSON.
"""
import json
import sys

import yaml


def literal(text):
    # In pieces, for compilers need not take literals beyond 64 KiB. Those of this project take what
    # the pieces make together (-Wno-overlength-strings).
    pieces = [text[i:i + 8000] for i in range(0, len(text), 8000)]
    return '\n'.join(f'    R"openapi({piece})openapi"' for piece in pieces)


def main():
    with open(sys.argv[1], encoding='utf-8') as source:
        text = source.read()
    as_json = json.dumps(yaml.safe_load(text), ensure_ascii=False, separators=(',', ':'))
    with open(sys.argv[2], 'w', encoding='utf-8') as out:
        out.write('#include <string_view>\n\nnamespace gavel::api {\n\n')
        for name, content in (('openapi_yaml', text), ('openapi_json', as_json)):
            out.write(f'extern const std::string_view {name};\n')
            out.write(f'const std::string_view {name} =\n{literal(content)};\n\n')
        out.write('}  // namespace gavel::api\n')


if __name__ == '__main__':
    main()

// The OpenAPI document as its reader needs it: operations, references, validators.
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const methods = ['get', 'put', 'post', 'delete'];
const base = 'urn:gavel:openapi';

const escaped = part => part.replaceAll('~', '~0').replaceAll('/', '~1');

export class Document {
    constructor(content) {
        this.content = content;
        this.ajv = new Ajv2020({strict: false, allErrors: true, validateSchema: false});
        addFormats(this.ajv);
        this.ajv.addSchema(content, base);
        this.compiled = new Map();
    }

    // The name of the component that a schema refers to, if it does: {$ref} or {allOf: [{$ref}]}.
    static nameOf(schema) {
        const to = schema?.$ref ?? (schema?.allOf?.length === 1 ? schema.allOf[0].$ref : undefined);
        return to?.split('/').at(-1);
    }

    resolve(value) {
        while (value?.$ref) {
            const parts = value.$ref.slice(2).split('/');
            value = parts.reduce((at, part) => at[part.replaceAll('~1', '/').replaceAll('~0', '~')],
                                 this.content);
        }
        return value;
    }

    // A function from an instance to what is wrong with it, in words; empty: nothing.
    validator(schema) {
        let found = this.compiled.get(schema);
        if (!found) {
            const validate = this.ajv.compile(absolute(schema));
            found = instance => {
                if (validate(instance)) return '';
                return this.ajv.errorsText(validate.errors, {dataVar: 'body'});
            };
            this.compiled.set(schema, found);
        }
        return found;
    }

    operations() {
        const found = [];
        for (const [path, item] of Object.entries(this.content.paths)) {
            for (const method of methods.filter(each => item[each])) {
                const operation = item[method];
                const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])]
                    .map(each => this.resolve(each));
                const body = this.resolve(operation.requestBody);
                const members = this.resolve(body?.content['application/json']?.schema)?.properties ?? {};
                found.push({
                    id: operation.operationId,
                    method: method.toUpperCase(),
                    path,
                    parameters,
                    body,
                    responses: operation.responses,
                    // The components that a request is made of.
                    components: [...parameters.map(({schema}) => schema), ...Object.values(members)]
                        .map(Document.nameOf).filter(Boolean),
                });
            }
        }
        return found;
    }

    // What the document says of an answer's status; `exactly`: named, not by `default`.
    response(operation, status) {
        const exactly = operation.responses[status];
        return {exactly: Boolean(exactly), said: this.resolve(exactly ?? operation.responses.default)};
    }
}

// References of the document, seen from outside it.
function absolute(schema) {
    if (Array.isArray(schema)) return schema.map(absolute);
    if (schema === null || typeof schema !== 'object') return schema;
    const copy = {};
    for (const [key, value] of Object.entries(schema)) {
        copy[key] = key === '$ref' ? base + value : absolute(value);
    }
    return copy;
}

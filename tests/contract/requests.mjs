// Requests of an operation: fit (the document allows them), unfit (one thing in them it forbids) and
// odd (what HTTP allows and hardly anybody sends).
import fc from 'fast-check';
import {odd} from './odd.mjs';
import {Values} from './values.mjs';
import {allow} from './unsaid.mjs';

const own = 'X-Request-Id';

export class Requests {
    constructor(document, memory, chance) {
        this.memory = memory;
        this.chance = chance;
        this.values = new Values(document, memory, chance);
        this.count = 0;
    }

    make(operation) {
        const {chance} = this;
        const kind = chance.below(100);
        if (kind < 60) return this.fit(operation);
        return (kind < 85 ? this.unfit(operation) : undefined) ?? odd(this.fit(operation), chance);
    }

    fit(operation) {
        const {chance, values} = this;
        values.record = this.memory.recordFor(operation.components, chance);
        const request = {operation, kind: 'fit', method: operation.method, what: 'fit', path: {}, query: [], headers: {}};
        for (const parameter of operation.parameters) {
            if (!parameter.required && !chance.often(30)) continue;
            const value = this.parameter(parameter, operation);
            if (value !== undefined) this.place(request, parameter, value);
        }
        this.addBody(request);
        if (chance.often(30)) request.headers[own] = `contract-${++this.count}`;
        allow(request, values, chance);
        return request;
    }

    unfit(operation) {
        const {chance, values} = this;
        const request = this.fit(operation);
        const sites = operation.parameters.map(parameter => () => {
            const made = parameter.schema && values.unfit(parameter.schema, parameter.name);
            if (made === undefined || !this.writable(parameter, made)) return false;
            request.query = request.query.filter(([name]) => name !== parameter.name);
            this.place(request, parameter, made);
            request.what = `${parameter.in} parameter ${parameter.name} is ${JSON.stringify(made)?.slice(0, 60)}`;
            return true;
        });
        const schema = operation.body?.content['application/json']?.schema;
        for (let i = 0; schema && i < 4; ++i) {
            sites.push(() => {
                const made = values.unfit(schema);
                if (made === undefined) return false;
                request.body = Buffer.from(JSON.stringify(made));
                request.what = 'the body is not as its schema says';
                return true;
            });
        }
        request.kind = 'unfit';
        for (let tries = 0; sites.length > 0 && tries < 5; ++tries) {
            if (chance.pick(sites)()) return request;
        }
        return undefined;
    }

    // A header field or a path can not hold everything that a schema forbids, and in a query all is text.
    writable(parameter, value) {
        if (value === null || typeof value === 'object' && !Array.isArray(value)) return false;
        if (parameter.in === 'query' && Array.isArray(value)) return false;
        const text = String(value);
        if (parameter.schema && parameter.in !== 'body' && this.readsAsFit(parameter, text)) return false;
        if (parameter.in === 'header') return /^[\x21-\x7e][\x20-\x7e]*$/.test(text) && text.trim() === text;
        return parameter.in !== 'path' || text !== '';
    }
    readsAsFit(parameter, text) {
        const valid = this.values.document.validator(parameter.schema);
        const readings = [text];
        if (/^-?\d+$/.test(text)) readings.push(Number(text));
        if (text === 'true' || text === 'false') readings.push(text === 'true');
        if (text === '' && parameter.allowEmptyValue) readings.push(true);
        const known = this.values.document.resolve(parameter.schema);
        if (known.type === 'array') readings.push([text]);
        return readings.some(each => valid(each) === '');
    }

    parameter({name, schema}, operation) {
        const {chance, memory} = this;
        if (name === 'If-Match' || name === 'If-None-Match') {
            const revision = memory.recall('Revision', chance) ?? 7;
            return chance.pick(['*', `"${revision}"`, `"${revision}"`, `"1", "${revision}"`, `W/"${revision}"`]);
        }
        if (name === 'Gavel-Lock') {
            const lock = this.values.fit({$ref: '#/components/schemas/Name'});
            const token = this.values.fit({$ref: '#/components/schemas/Token'});
            return `${encodeURIComponent(lock)};token=${token}`;
        }
        if (name === 'Idempotency-Key') {
            return chance.often(30) ? 'again' : chance.sample(fc.stringMatching(/^[!-~]{1,20}$/));
        }
        if (name === 'cursor') return memory.recall(`cursor of ${operation.id}`, chance);
        // One that nobody has come to would be waited for.
        if (['since', 'Last-Event-ID'].includes(name) && chance.often(50)) {
            const position = memory.recall('Position', chance);
            if (position) return position;
        }
        if (['min_revision', 'since', 'revision', 'from', 'to'].includes(name)) return Math.min(memory.recall('Revision', chance) ?? 0, memory.applied);
        if (name === 'Last-Event-ID') return String(memory.recall('Revision', chance) ?? 1);
        return this.values.fit(schema, name);
    }

    place(request, parameter, value) {
        if (parameter.in === 'path') {
            request.path[parameter.name] = value;
        } else if (parameter.in === 'header') {
            request.headers[parameter.name] = String(value).trim();
        } else {
            for (const each of Array.isArray(value) ? value : [value]) request.query.push([parameter.name, String(each)]);
        }
    }

    addBody(request) {
        const {chance, values} = this;
        const {body} = request.operation;
        if (!body || (!body.required && chance.often(15))) return;
        const json = body.content['application/json'];
        if (json) {
            request.body = Buffer.from(JSON.stringify(values.valid(json.schema)));
            if (chance.often(50)) request.headers['Content-Type'] = 'application/json';
            return;
        }
        switch (chance.below(3)) {
            case 0:
                request.headers['Content-Type'] = chance.pick(['application/json', 'application/vnd.x+json; charset=utf-8']);
                request.body = Buffer.from(JSON.stringify(chance.sample(fc.jsonValue({noUnicodeString: false}))));
                break;
            case 1:
                request.headers['Content-Type'] = 'text/plain; charset=utf-8';
                request.body = Buffer.from(chance.sample(fc.string({unit: 'grapheme'})));
                break;
            default:
                request.body = Buffer.from(chance.sample(fc.uint8Array({maxLength: 40})));
        }
    }
}

// The text of a request's target.
export function targetOf({operation, path, query, target}) {
    if (target !== undefined) return target;
    const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_, name) =>
        String(path[name]).split('/').map(encodeURIComponent).join('/'));
    const pairs = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    return filled + (pairs.length > 0 ? `?${pairs.join('&')}` : '');
}

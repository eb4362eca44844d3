// Whether an answer is one that the document allows.

// The only ones of the server's own failures that are part of its contract.
const failures = [503, 504, 507];
// What `default` stands for: see AnyProblem.
const whateverIsAsked = [400, 403, 404, 405, 408, 413, 417, 421, 431, 503, 505];

export class Judge {
    constructor(document) {
        this.document = document;
    }

    // What is wrong, each in words, and the schema that the body has.
    judge(request, answer) {
        const {operation, kind, expected} = request;
        const {status} = answer;
        const faults = [];
        if (status >= 500 && !failures.includes(status) && status !== 505) faults.push(`answered ${status}`);
        if (request.method === 'OPTIONS' || kind === 'odd' && request.target) return this.anyProblem(request, answer, faults);

        const {exactly, said} = this.document.response(operation, status);
        const mayBeAnything = kind === 'odd' && whateverIsAsked.includes(status);
        if (!exactly && !mayBeAnything) faults.push(`status ${status} is not documented here`);
        const passing = failures.includes(status);
        if (kind === 'fit' && [400, 405, 415].includes(status)) faults.push(`a request that the document allows is refused: ${problem(answer)}`);
        if (kind === 'unfit' && status < 400) faults.push(`answered ${status} although ${request.what}`);
        if (kind === 'odd' && !passing) this.expect(expected, status, faults);
        this.head(said, answer, faults);
        const schema = this.body(said, answer, request.method, faults);
        return {faults, schema};
    }

    expect({only, not}, status, faults) {
        if (only && !only.includes(status)) faults.push(`answered ${status} instead of ${only}`);
        if (not && not.includes(status)) faults.push(`answered ${status}`);
    }

    // Of a path or a method that the document has nothing about.
    anyProblem(request, answer, faults) {
        const {status} = answer;
        if (!failures.includes(status)) this.expect(request.expected, status, faults);
        if (status >= 400) {
            const said = this.document.resolve(this.document.content.components.responses.AnyProblem);
            this.head(said, answer, faults);
            this.body(said, answer, request.method, faults);
        }
        return {faults};
    }

    head(said, answer, faults) {
        for (const [name, header] of Object.entries(said.headers ?? {})) {
            const {required, schema} = this.document.resolve(header);
            const value = answer.headers[name.toLowerCase()];
            if (value === undefined) {
                if (required) faults.push(`there is no ${name}`);
                continue;
            }
            const known = this.document.resolve(schema);
            const read = known.type === 'integer' && /^\d+$/.test(value) ? Number(value) : value;
            const wrong = this.document.validator(schema)(read);
            if (wrong) faults.push(`${name} is '${value}': ${wrong}`);
        }
        if (answer.status === 405 && !answer.headers.allow) faults.push('there is no Allow');
    }

    body(said, answer, method, faults) {
        const {body} = answer;
        const content = said.content ?? {};
        const types = Object.keys(content);
        if (method === 'HEAD' || answer.status === 304) {
            if (body.length > 0) faults.push('there is a body');
            return undefined;
        }
        if (types.length === 0) {
            if (body.length > 0) faults.push('there is a body, and none is documented');
            return undefined;
        }
        const type = String(answer.headers['content-type']).split(';')[0];
        const media = content[type] ?? content['*/*'];
        if (!media) {
            faults.push(`Content-Type is ${type}, documented is ${types}`);
            return undefined;
        }
        if (type === 'text/event-stream') return this.events(body.toString(), faults);
        if (!media.schema || !/json/.test(type)) return undefined;
        let parsed;
        try {
            parsed = JSON.parse(body);
        } catch (error) {
            faults.push(`the body is no JSON: ${error.message}`);
            return undefined;
        }
        const wrong = this.document.validator(media.schema)(parsed);
        if (wrong) faults.push(`the body is not as its schema says: ${wrong}`);
        if (answer.status >= 400 && parsed.status !== answer.status) faults.push(`the problem says status ${parsed.status}`);
        return {schema: media.schema, instance: parsed};
    }

    // Whole events have the members that the schema of events asks for.
    events(text, faults) {
        const schema = {$ref: '#/components/schemas/Event'};
        for (const block of text.split('\n\n').slice(0, -1)) {
            const fields = Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/s)));
            if (!['put', 'delete', 'lock'].includes(fields.event)) continue;
            const wrong = this.document.validator(schema)({event: fields.event, ...JSON.parse(fields.data)});
            if (wrong) faults.push(`an event is not as its schema says: ${wrong}`);
        }
        return undefined;
    }
}

export function problem(answer) {
    try {
        const {code, detail} = JSON.parse(answer.body);
        return `${code}: ${detail}`;
    } catch {
        return answer.body.toString().slice(0, 100);
    }
}

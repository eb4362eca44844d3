// Whether an answer is one that the document allows.

// The only ones of the server's own failures that are part of its contract.
const failures = [503, 504, 507];
// What `default` stands for: see AnyProblem.
const whateverIsAsked = [400, 403, 404, 405, 408, 413, 417, 421, 431, 503, 505];

export class Judge {
    constructor(document) {
        this.document = document;
        this.kinds = new Map();  // How many events of each kind were seen.
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

    // Whole events: each as the schema of its kind says, with nothing more, and what the ids promise.
    events(text, faults) {
        const {mapping} = this.document.content.components.schemas.StreamEvent.discriminator;
        let last;
        for (const block of text.split('\n\n').slice(0, -1)) {
            const fields = Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/s)));
            const event = {event: fields.event, ...JSON.parse(fields.data)};
            this.kinds.set(event.event, (this.kinds.get(event.event) ?? 0) + 1);
            const to = mapping[event.event];
            if (!to) {
                faults.push(`an event of the kind ${event.event} is not documented`);
                continue;
            }
            const schema = this.schemaOf(to);
            const wrong = this.document.validator(schema)(event);
            if (wrong) faults.push(`a ${event.event} event is not as its schema says: ${wrong}`);
            const known = this.document.resolve(schema).properties;
            for (const name of Object.keys(event)) {
                if (!(name in known)) faults.push(`${name} of a ${event.event} event is not documented`);
            }
            this.position(event, fields.id, last, faults);
            last = {...event, id: fields.id};
        }
        return undefined;
    }

    // The same object for the same name, so that it is compiled once.
    schemaOf(to) {
        this.references ??= new Map();
        if (!this.references.has(to)) this.references.set(to, {$ref: to});
        return this.references.get(to);
    }

    // An id names the revision of its event and stands on the last of it only; what a snapshot shows has none.
    position(event, id, last, faults) {
        const closes = event.event === 'bookmark';
        if (id !== undefined) {
            const wrong = this.document.validator(this.schemaOf('#/components/schemas/Position'))(id);
            if (wrong || Number(id.split('.')[0]) !== event.revision) faults.push(`the id ${id} is not that of revision ${event.revision}`);
            if (event.snapshot && !closes) faults.push('an event of a snapshot has an id');
        } else if (closes) {
            faults.push('a bookmark has no id');
        }
        if (event.snapshot || !last || last.snapshot) return;
        if (event.revision < last.revision) faults.push(`revision ${event.revision} after ${last.revision}`);
        if (event.revision === last.revision && last.id !== undefined && !closes) faults.push(`revision ${event.revision} goes on behind its id`);
        if (event.revision > last.revision && last.id === undefined) faults.push(`revision ${last.revision} ends without an id`);
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

// Values from schemas: fit ones, and ones that are not.
import fc from 'fast-check';
import {Document} from './document.mjs';

// Durations that keep the run short, by the name of what they are for. The bounds of the others are
// said in words, not by the schema.
const durations = {
    wait: ['0s', '5ms', '20ms', '0.05s'],
    ttl: ['1s', '15s', '60s', '1.5m', '24h'],
    lock_delay: ['0s', '10ms', '1s'],
};

const unusual = fc.string({unit: 'grapheme', maxLength: 12});

export class Values {
    constructor(document, memory, chance) {
        this.document = document;
        this.memory = memory;
        this.chance = chance;
        this.record = undefined;
    }

    // A value that the whole schema allows, what it says of members together included.
    valid(schema) {
        for (let tries = 0; tries < 50; ++tries) {
            const made = this.fit(schema);
            if (this.document.validator(schema)(made) === '') return made;
        }
        throw new Error(`nothing fits ${JSON.stringify(schema)}`);
    }

    // A value that fits part by part; `label` is the name of the parameter or member.
    fit(schema, label = '') {
        const {chance} = this;
        const component = Document.nameOf(schema);
        if (component === 'Duration') return chance.pick(durations[label] ?? ['1s', '250ms']);
        if (component) {
            const recalled = chance.often(75) ? this.memory.recall(component, chance, this.record) : undefined;
            if (recalled !== undefined) return recalled;
        }
        const known = this.document.resolve(schema);
        if (known.allOf?.length === 1) return this.fit(known.allOf[0], label);
        const choice = known.oneOf ?? known.anyOf;
        if (choice) return this.fit(chance.pick(choice), label);
        if ('const' in known) return known.const;
        if (known.enum) return chance.pick(known.enum);
        if (known.examples && chance.often(20)) return chance.pick(known.examples);
        switch (Array.isArray(known.type) ? chance.pick(known.type) : known.type) {
            case 'null': return null;
            case 'boolean': return chance.often(50);
            case 'integer': return this.integer(known);
            case 'number': return chance.below(1000) / 8;
            case 'string': return this.string(known, component);
            case 'array': return this.array(known, label);
            case 'object': return this.object(known);
            default: return chance.sample(fc.jsonValue({maxDepth: 2, noUnicodeString: false}));
        }
    }

    integer({minimum = 0, maximum = Number.MAX_SAFE_INTEGER}) {
        const {chance} = this;
        const near = Math.min(maximum, minimum + 9);
        return chance.often(85) ? chance.between(minimum, near) : chance.pick([minimum, maximum]);
    }

    string(schema, component) {
        const {chance} = this;
        const {minLength = 0, maxLength = 60, pattern, format} = schema;
        if (component === 'Name') return this.name();
        if (format === 'date-time') return '2026-01-31T12:00:00.000Z';
        if (pattern) return chance.sample(fc.stringMatching(new RegExp(pattern, 'u')));
        for (;;) {
            const made = chance.often(60) ? chance.sample(fc.stringMatching(/^[a-z0-9 -]{1,12}$/)) : chance.sample(unusual);
            if (chance.often(3) && maxLength <= 400) return 'x'.repeat(maxLength);
            if (Buffer.byteLength(made) <= maxLength && made.length >= minLength && printable(made)) return made;
        }
    }

    // Few, so that requests meet; and odd ones.
    name() {
        const {chance} = this;
        if (chance.often(85)) return chance.pick(['app/a', 'app/b', 'app/deep/er', 'deploy', 'x', 'täglich/☃']);
        if (chance.often(10)) return 'n'.repeat(400);
        const segment = () => chance.sample(fc.string({unit: 'grapheme', minLength: 1, maxLength: 10}))
            .replaceAll('/', '-');
        const made = [segment(), segment()].filter(each => !['.', '..'].includes(each) && printable(each));
        return made.join('/') || 'y';
    }

    array({items, minItems = 0, maxItems = 4, uniqueItems}, label) {
        const {chance} = this;
        const made = [];
        for (let i = chance.between(minItems, Math.min(maxItems, minItems + 3)); i > 0; --i) {
            const each = this.fit(items ?? {}, label);
            if (!uniqueItems || !made.some(one => JSON.stringify(one) === JSON.stringify(each))) made.push(each);
        }
        return made;
    }

    object(schema) {
        const {chance} = this;
        const made = {};
        for (const [key, of] of Object.entries(schema.properties ?? {})) {
            if (schema.required?.includes(key) || chance.often(40)) made[key] = this.fit(of, key);
        }
        if (!schema.properties) made[chance.pick(['host', 'k'])] = chance.sample(fc.jsonValue({maxDepth: 1}));
        return made;
    }

    // A value that the schema forbids, made from a fit one; undefined if none was found.
    unfit(schema, label) {
        const valid = this.document.validator(schema);
        for (let tries = 0; tries < 20; ++tries) {
            const made = this.spoiled(schema, this.fit(schema, label));
            if (made !== undefined && valid(made) !== '') return made;
        }
        return undefined;
    }

    spoiled(schema, value) {
        const {chance} = this;
        const known = this.document.resolve(schema);
        if (known.allOf?.length === 1) return this.spoiled(known.allOf[0], value);
        const other = chance.pick([null, true, 17, -1, 1.5, 'x', '', [], {}, [1]]);
        if (known.enum || 'const' in known) return chance.pick(['other', '', 17, null]);
        if (known.type === 'integer') {
            return chance.pick([(known.minimum ?? 0) - 1, (known.maximum ?? 2 ** 53) + 1, 1.5, 'abc', other]);
        }
        if (known.type === 'string') {
            return chance.pick(['', 'x'.repeat((known.maxLength ?? 300) + 1), '\u0001', 'Ä Ö', value + '!', other]);
        }
        if (known.type === 'array' && Array.isArray(value)) {
            const index = chance.below(Math.max(1, value.length));
            const item = this.spoiled(known.items ?? {}, value[index]);
            return chance.pick([[...value, item], [...value, ...value, ...value], other]);
        }
        if (known.type === 'object' && value !== null && typeof value === 'object') {
            return this.spoiledObject(known, value) ?? other;
        }
        return other;
    }

    spoiledObject(known, value) {
        const {chance} = this;
        const made = {...value};
        const required = (known.required ?? []).filter(key => key in made);
        switch (chance.below(4)) {
            case 0:
                if (required.length === 0) return undefined;
                delete made[chance.pick(required)];
                return made;
            case 1:
                made[chance.pick(['sesion', 'unknown', 'Session', ''])] = chance.pick([1, 'x', null]);
                return made;
            default: {
                const keys = Object.keys(known.properties ?? {});
                if (keys.length === 0) return undefined;
                const key = chance.pick(keys);
                made[key] = this.spoiled(known.properties[key], made[key] ?? this.fit(known.properties[key], key));
                return made;
            }
        }
    }
}

// Without control characters, those of Unicode's second block too, and without lone halves.
export function printable(text) {
    return !/[\u0000-\u001f\u007f-\u009f]/.test(text) && Buffer.from(text).toString() === text;
}

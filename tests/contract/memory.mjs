// What answers have told: sessions, names, revisions, tokens, cursors, members. Requests are made of
// it, for of made-up names nearly nothing is known.
import {Document} from './document.mjs';

const remembered = 40;

export class Memory {
    constructor(document) {
        this.document = document;
        this.records = [];  // Of each object of an answer: component name -> value.
        this.values = new Map();
        this.applied = 0;  // The highest slot that any answer told.
    }

    // Walks an answer's body along its schema.
    learn(schema, instance) {
        const name = Document.nameOf(schema);
        const resolved = this.document.resolve(schema);
        for (const each of [...(resolved.allOf ?? []), ...(resolved.oneOf ?? [])]) {
            if (this.document.validator(each)(instance) === '') this.learn(each, instance);
        }
        if (instance === null || typeof instance !== 'object') {
            if (name) this.add(name, instance);
            return;
        }
        if (Array.isArray(instance)) {
            for (const each of instance.slice(0, 5)) {
                if (resolved.items) this.learn(resolved.items, each);
            }
            return;
        }
        const record = new Map();
        for (const [key, value] of Object.entries(instance)) {
            const of = resolved.properties?.[key];
            if (!of) continue;
            this.learn(of, value);
            const component = Document.nameOf(of);
            if (component && typeof value !== 'object') record.set(component, value);
        }
        if (record.size > 0) this.records = [record, ...this.records].slice(0, remembered);
    }

    add(component, value) {
        const known = (this.values.get(component) ?? []).filter(each => each !== value);
        this.values.set(component, [value, ...known].slice(0, remembered));
    }

    // A value of a component: of the record that the request is about, or any.
    recall(component, chance, record) {
        if (record?.has(component) && chance.often(80)) return record.get(component);
        const known = this.values.get(component) ?? [];
        if (known.length === 0) return undefined;
        return known[Math.min(chance.below(known.length), chance.below(known.length))];
    }

    // A record to make a request about, by preference one that tells more of its components.
    recordFor(components, chance) {
        const told = record => components.filter(each => record.has(each)).length;
        const useful = this.records.filter(record => told(record) > 0);
        if (useful.length === 0 || chance.often(20)) return undefined;
        const most = Math.max(...useful.map(told));
        const best = useful.filter(record => told(record) === most);
        const list = chance.often(60) ? best : useful;
        return list[Math.min(chance.below(list.length), chance.below(list.length))];
    }

    // What is not there any more.
    forget(component, value) {
        this.values.set(component, (this.values.get(component) ?? []).filter(each => each !== value));
        this.records = this.records.filter(record => record.get(component) !== value);
    }
}

// usage: node drive.mjs GAVEL [--seed N] [--requests N] [--verbose]
//
// Starts three members by `GAVEL playground`, makes requests from the OpenAPI document that they serve,
// and compares each answer with it. Prints what differs, with a command to send it again, and the
// operations and the events that were never had; exits 1 if there is any of these.
import {cluster} from './cluster.mjs';
import {Chance} from './chance.mjs';
import {Document} from './document.mjs';
import {asCurl, call} from './http.mjs';
import {Judge, problem} from './judge.mjs';
import {Memory} from './memory.mjs';
import {Requests, targetOf} from './requests.mjs';

const [gavel, ...options] = process.argv.slice(2);
const option = (name, otherwise) => {
    const at = options.indexOf(name);
    return at < 0 ? otherwise : Number(options[at + 1]);
};
const seed = option('--seed', 1);
const wanted = option('--requests', 2000);
const verbose = options.includes('--verbose');

const members = await cluster(gavel);
const findings = new Map();
const statuses = new Map();
let events = new Map();
let unseen = [];
try {
    await drive();
    await members.allLive();
} finally {
    await members.stop();
}
process.exitCode = report() ? 0 : 1;

async function drive() {
    const served = await call(members.endpoints[0], {method: 'GET', target: '/openapi.json', headers: {}});
    const document = new Document(JSON.parse(served.body));
    const memory = new Memory(document);
    const chance = new Chance(seed);
    const requests = new Requests(document, memory, chance);
    const judge = new Judge(document);
    events = judge.kinds;
    const operations = document.operations();
    for (const {id} of operations) statuses.set(id, new Map());
    for (let count = 0; count < wanted; ++count) {
        const operation = operations[count % operations.length];
        const request = requests.make(operation);
        const endpoint = chance.pick(members.endpoints);
        const wire = {...request, target: targetOf(request)};
        let answer;
        try {
            answer = await call(endpoint, wire);
        } catch (error) {
            found(request, `no answer: ${error.message}`, endpoint, wire);
            continue;
        }
        if (verbose) console.log(count, request.kind, request.what, wire.method, wire.target.slice(0, 100), answer.status, answer.status >= 400 ? problem(answer) : '');
        const seen = statuses.get(operation.id);
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
        const {faults, schema} = judge.judge(request, answer);
        for (const fault of faults) found(request, fault, endpoint, wire);
        if (schema && faults.length === 0) {
            memory.learn(schema.schema, schema.instance);
            if (schema.instance.next_cursor) memory.add(`cursor of ${operation.id}`, schema.instance.next_cursor);
        }
        memory.applied = Math.max(memory.applied, Number(answer.headers['gavel-revision'] ?? 0));
        forget(memory, operation, request, answer.status);
    }
    await hearAll(operations.find(({id}) => id === 'watch'), judge);
    const kinds = document.content.components.schemas.StreamEvent.discriminator.mapping;
    unseen = Object.keys(kinds).filter(kind => !events.has(kind));
}

// All that the requests have changed, from the beginning: seldom is a stream made by chance about much of it.
async function hearAll(operation, judge) {
    const all = '/v1/watch?prefix=&locks=&members=true';
    const asked = [
        {target: `${all}&since=0`, headers: {}},
        {target: `${all}&since=0&wait=1s`, headers: {}},
        {target: `${all}&snapshot=true`, headers: {}},
        {target: all, headers: {'Last-Event-ID': '1.00000001'}},
        {target: `${all}&snapshot=true`, headers: {'Last-Event-ID': '1.00000001'}},
    ];
    for (const endpoint of members.endpoints) {
        for (const each of asked) {
            const request = {...each, operation, method: 'GET', kind: 'fit'};
            const answer = await call(endpoint, request);
            for (const fault of judge.judge(request, answer).faults) found(request, fault, endpoint, request);
        }
    }
}

// What is ended or removed, or was not there, is not asked for again and again.
function forget(memory, operation, request, status) {
    if (status !== 404 && !(request.method === 'DELETE' && status < 300)) return;
    for (const {in: where, name, schema} of operation.parameters) {
        if (where === 'path' && name === 'id') memory.forget(Document.nameOf(schema), request.path.id);
    }
}

function found({operation, kind, what}, fault, endpoint, wire) {
    const subject = `${operation.id}, ${kind === 'fit' ? 'a fit request' : what}: ${fault}`;
    const each = findings.get(subject) ?? {count: 0, again: asCurl(endpoint, wire)};
    each.count += 1;
    findings.set(subject, each);
}

function report() {
    for (const [id, seen] of statuses) {
        const counts = [...seen].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
        console.log(`${id.padEnd(22)} ${counts.join(', ')}`);
    }
    for (const [subject, {count, again}] of findings) console.log(`\n${subject} (${count} times)\n    ${again}`);
    const never = [...statuses].filter(([, seen]) => ![...seen.keys()].some(status => status >= 200 && status < 300));
    if (never.length > 0) console.log(`\nnever answered with success: ${never.map(([id]) => id).join(', ')}`);
    console.log(`\nevents: ${[...events].sort().map(([kind, count]) => `${kind} ${count}`).join(', ')}`);
    if (unseen.length > 0) console.log(`events that never came: ${unseen.join(', ')}`);
    const made = [...statuses.values()].flatMap(seen => [...seen.values()]).reduce((sum, each) => sum + each, 0);
    const failed = [...statuses.values()].flatMap(seen => [503, 504].map(each => seen.get(each) ?? 0)).reduce((sum, each) => sum + each, 0);
    if (failed > made / 20) console.log(`\n${failed} of ${made} requests were answered 503 or 504`);
    console.log(`\nseed ${seed}: ${made} requests to ${statuses.size} operations, ${findings.size} findings`);
    return findings.size === 0 && never.length === 0 && unseen.length === 0 && failed <= made / 20;
}

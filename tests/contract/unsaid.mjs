// What a request has to keep to and no schema says, and what this test keeps away from: the cluster
// has to live until the end.

const conditions = ['If-Match', 'If-None-Match'];
const founders = [1, 2, 3];
const changes = ['addMember', 'removeMember', 'promoteMember', 'demoteMember', 'replaceVoters'];

let added = 0;
let transfers = 0;

const has = (request, name) => request.query.some(([each]) => each === name);
const drop = (request, name) => {
    request.query = request.query.filter(([each]) => each !== name);
};
const set = (request, name, value) => {
    drop(request, name);
    request.query.push([name, String(value)]);
};

const bodyOf = request => request.body && JSON.parse(request.body);
const setBody = (request, body) => {
    request.body = Buffer.from(JSON.stringify(body));
};

const rules = {
    acquireLock(request, values) {
        const body = bodyOf(request);
        if (body?.mode === 'exclusive') delete body.limit;
        if (body) setBody(request, body);
        if (body?.session) drop(request, 'ttl');
        else if (!has(request, 'ttl')) set(request, 'ttl', values.fit({$ref: '#/components/schemas/Duration'}, 'ttl'));
    },
    acquireLocks(request, values) {
        const body = bodyOf(request);
        if (!body.session && !body.ttl) body.ttl = values.fit({$ref: '#/components/schemas/Duration'}, 'ttl');
        const names = new Set();
        body.locks = body.locks.filter(({name}) => !names.has(name) && names.add(name));
        for (const each of body.locks) if (each.mode === 'exclusive') delete each.limit;
        setBody(request, body);
    },
    explainLock(request) {
        if (!has(request, 'token')) drop(request, 'session');
    },
    releaseLock(request, values) {
        if (!request.query.some(([name, value]) => name === 'force' && value === 'true')) {
            for (const each of ['force', 'reason', 'author']) drop(request, each);
            if (!has(request, 'session') && !has(request, 'token')) set(request, 'session', values.fit({$ref: '#/components/schemas/SessionId'}));
        } else if (!request.query.some(([name, value]) => name === 'reason' && value !== '')) {
            set(request, 'reason', 'it hangs');
        }
    },
    watch(request, values, chance) {
        if (!['prefix', 'key', 'locks'].some(each => has(request, each))) set(request, 'prefix', 'app/');
        if (request.query.some(([name, value]) => name === 'snapshot' && value !== 'false')) {
            drop(request, 'since');
            drop(request, 'wait');
            return;
        }
        if (chance.often(80) && !has(request, 'wait')) set(request, 'wait', '10ms');
    },
    getKey(request) {
        if (has(request, 'revision')) drop(request, 'wait');
    },
    listKeys(request) {
        if (has(request, 'cursor')) drop(request, 'revision');
    },
    getHistory(request, values) {
        if (has(request, 'to') && !has(request, 'from')) set(request, 'from', values.fit({$ref: '#/components/schemas/Revision'}));
        if (!has(request, 'from')) return;
        drop(request, 'limit');
        drop(request, 'cursor');
    },
    rollBack(request) {
        if ('reason' in JSON.parse(request.body)) delete request.headers['Gavel-Reason'];
    },
    // Wide ones, or there would be room for nothing that the others ask for.
    setQuota(request, values, chance) {
        setBody(request, {keys: 1000 + chance.below(1000), ...chance.often(50) && {sessions: 5000, bytes: 2 ** 30}});
    },
    setQuotaOfPrefix(request, values, chance) {
        setBody(request, {keys: chance.pick([0, 5, 1000]), ...chance.often(50) && {bytes: 2 ** 20}});
    },
    setSchema(request, values, chance) {
        const schemas = [true, {}, {type: ['object', 'array']}, {type: 'object', maxProperties: 2}, 'no schema'];
        request.body = Buffer.from(JSON.stringify(chance.pick(schemas)));
        if (chance.often(50)) request.headers['Content-Type'] = 'application/schema+json';
    },
    putKey: oneCondition,
    deleteKey(request, values, chance) {
        oneCondition(request, values, chance);
        if (has(request, 'recursive')) for (const each of conditions) delete request.headers[each];
    },
    transact(request, values, chance) {
        const body = bodyOf(request);
        for (const condition of body.if ?? []) keepToItsType(condition, chance);
        for (const branch of ['then', 'else']) {
            const written = new Set();
            body[branch] = (body[branch] ?? []).filter(operation => {
                if (operation.put) keepToItsType(operation.put, chance);
                const key = (operation.put ?? operation.delete)?.key;
                const recursive = operation.delete?.recursive;
                const what = recursive ? `${key}/` : key;
                const loses = recursive && [...written].some(each => each === key || each.startsWith(what));
                return key === undefined || !loses && !written.has(what) && written.add(what);
            });
        }
        body.then.push({get: {key: 'app/a'}});  // Something there has to be.
        setBody(request, body);
    },
    handLeadershipOver(request, values, chance) {
        drop(request, 'force');
        if (++transfers > 10) request.body = Buffer.from('{"member_id":60000}');
        else if (request.body && chance.often(80)) request.body = Buffer.from(JSON.stringify({member_id: chance.pick(founders)}));
    },
};

// What value, encoding and content_type have to be together.
function keepToItsType(object, chance) {
    if (!('value' in object)) return;
    if ('content_type' in object) {
        object.content_type = chance.pick(['text/plain', 'text/html; charset=utf-8', 'a/b', 'application/json']);
    }
    if ('encoding' in object) {
        object.value = Buffer.from(chance.pick(['', '17', '"x"', '\xff\0'])).toString('base64');
        if (object.content_type === 'application/json') delete object.content_type;
    } else if ('content_type' in object && object.content_type !== 'application/json') {
        object.value = JSON.stringify(object.value);
    }
}

function oneCondition(request, values, chance) {
    if (conditions.every(each => each in request.headers)) delete request.headers[chance.pick(conditions)];
}

// The founders stay members and voters; a change that would touch them is only planned.
function spareTheFounders(request, chance) {
    const dry = () => set(request, 'dry_run', 'true');
    drop(request, 'force');
    switch (request.operation.id) {
        case 'addMember': {
            const body = JSON.parse(request.body);
            body.name = `c${++added}`;
            body.peer_address = `127.0.0.1:${20000 + added}`;
            delete body.incarnation;
            if ('client_address' in body) body.client_address = `127.0.0.1:${30000 + added}`;
            request.body = Buffer.from(JSON.stringify(body));
            if (added > 12) dry();
            break;
        }
        case 'replaceVoters':
            if (chance.often(50)) request.body = Buffer.from(JSON.stringify({voters: founders}));
            else dry();
            break;
        default:
            if (chance.often(30)) request.path.id = chance.between(4, 20);
            if (founders.includes(Number(request.path.id))) dry();
    }
    if (has(request, 'dry_run') && request.query.some(([name, value]) => name === 'dry_run' && value === 'false')) dry();
}

export function allow(request, values, chance) {
    const {id} = request.operation;
    rules[id]?.(request, values, chance);
    if (changes.includes(id)) spareTheFounders(request, chance);
}

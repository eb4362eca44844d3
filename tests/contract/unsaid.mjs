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

const rules = {
    releaseLock(request, values) {
        if (!has(request, 'session') && !has(request, 'token')) set(request, 'session', values.fit({$ref: '#/components/schemas/SessionId'}));
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
    putKey: oneCondition,
    deleteKey: oneCondition,
    handLeadershipOver(request, values, chance) {
        drop(request, 'force');
        if (++transfers > 10) request.body = Buffer.from('{"member_id":60000}');
        else if (request.body && chance.often(80)) request.body = Buffer.from(JSON.stringify({member_id: chance.pick(founders)}));
    },
};

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

// What hardly anybody sends. Each changes a fit request, and says which statuses besides those of the
// operation are right then, or which alone are.
import {targetOf} from './requests.mjs';

const writes = ['PUT', 'POST', 'DELETE'];
const takesJson = request => request.operation.body?.content['application/json'] !== undefined;

const oddities = [
    ['a parameter that there is not', request => {
        request.query.push(['unknown', '1']);
        return {only: [400]};
    }],
    ['a parameter twice', request => {
        const known = request.query.find(([name]) => !['prefix', 'key', 'locks'].includes(name));
        if (!known) return undefined;
        request.query.push([...known]);
        return {only: [400]};
    }],
    ['a broken escape in the query', request => {
        request.target = targetOf(request) + (request.query.length > 0 ? '&' : '?') + 'limit=%zz';
        return {only: [400]};
    }],
    ['a name that is none', (request, chance) => {
        const parameter = Object.keys(request.path)[0];
        if (!parameter) return undefined;
        const bad = chance.pick(['a//b', '../a', 'a/./b', '%00', '%ff', '%C2%85', '%zz', 'a%2F%2Fb', 'x'.repeat(401)]);
        request.target = request.operation.path.replace(`{${parameter}}`, bad).replaceAll(/\{\w+\}/g, '1');
        return {only: [400, 404, 405]};
    }],
    ['a body that is no JSON', (request, chance) => {
        if (!takesJson(request)) return undefined;
        request.body = Buffer.from(chance.pick([
            '{', '[]', '"x"', '17', 'null', '{"a":1}{', '{"session":"s1","session":"s1"}', '{"a":NaN}', '\ufeff{}',
            '{"a":01}', '{"a":1e999}', '['.repeat(600), '{"metadata":' + '{"a":'.repeat(40) + '1' + '}'.repeat(41), '{"name":"\\ud800"}',
            '{"name":"\u0000"}', "{'name':'x'}", '{"name":"x",}', '{"ttl":"99999999999999999999h"}', '{"ttl":"-1s"}',
            '{"member_id":99999999999999999999}', '{"voters":[1,1]}', '{"voters":[]}',
        ]));
        return {only: [400]};
    }],
    ['a body that is not UTF-8', request => {
        if (!takesJson(request)) return undefined;
        request.body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
        return {only: [400]};
    }],
    ['JSON that is none, by its type', request => {
        if (request.operation.id !== 'putKey') return undefined;
        request.headers['Content-Type'] = 'application/json';
        request.body = Buffer.from('{"a":');
        return {also: [], not: [200, 201]};
    }],
    ['an encoded body', request => {
        if (!request.operation.body) return undefined;
        request.headers['Content-Encoding'] = 'gzip';
        request.body ??= Buffer.from('x');
        return {only: [415]};
    }],
    ['a body that is too large', (request, chance) => {
        if (!request.operation.body || !chance.often(20)) return undefined;
        request.body = Buffer.alloc(1024 * 1024 + 17 * 1024, 0x20);
        return {only: [413]};
    }],
    ['a body where none is asked for', request => {
        if (request.operation.body || request.method === 'GET') return undefined;
        request.body = Buffer.from('{"x":1}');
        return {also: [400]};
    }],
    ['a header field that is too long', request => {
        request.headers['X-Long'] = 'x'.repeat(17 * 1024);
        return {only: [431]};
    }],
    ['an odd request id', (request, chance) => {
        request.headers['X-Request-Id'] = chance.pick(['x'.repeat(200), 'ä b', '"', '\\', '<script>']);
        return {also: []};
    }],
    ['an odd traceparent', (request, chance) => {
        request.headers.traceparent = chance.pick(['', '00-0-0-0', 'x'.repeat(300), '00-' + 'f'.repeat(32) + '-' + 'f'.repeat(16) + '-01']);
        return {also: []};
    }],
    ['a condition that is none', (request, chance) => {
        if (!request.operation.parameters.some(({name}) => name === 'If-Match')) return undefined;
        delete request.headers['If-None-Match'];
        request.headers['If-Match'] = chance.pick(['7', '"7', '"a" "b"', '*, "7"', 'W/7', ',', '""x']);
        return {only: [400]};
    }],
    ['two conditions', request => {
        if (!['putKey', 'deleteKey'].includes(request.operation.id)) return undefined;
        request.headers['If-Match'] = '*';
        request.headers['If-None-Match'] = '*';
        return {only: [400]};
    }],
    ['an idempotency key that is none', (request, chance) => {
        if (!request.operation.parameters.some(({name}) => name === 'Idempotency-Key')) return undefined;
        request.headers['Idempotency-Key'] = chance.pick(['', 'x'.repeat(256), 'a b', 'ä']);
        return {only: [400]};
    }],
    ['an expectation', request => {
        request.headers.Expect = 'the-best';
        return {only: [417]};
    }],
    ['a foreign host', request => {
        request.headers.Host = 'evil.example';
        return {only: [421]};
    }],
    ['no host', request => {
        request.noHost = true;
        return {only: [400]};
    }],
    ['a page of another origin', request => {
        request.headers.Origin = 'https://evil.example';
        return writes.includes(request.method) ? {only: [403]} : {also: []};
    }],
    ['another method', (request, chance) => {
        request.method = chance.pick(['PATCH', 'TRACE', 'PROPFIND', 'BREW']);
        return {only: [400, 404, 405]};
    }],
    ['HEAD', request => {
        if (request.method !== 'GET' || request.query.some(([name]) => name === 'wait')) return undefined;
        if (request.operation.id === 'watch') return undefined;
        request.method = 'HEAD';
        return {also: []};
    }],
    ['OPTIONS', request => {
        request.method = 'OPTIONS';
        delete request.body;
        return {only: [204, 400]};
    }],
    ['a path that there is not', (request, chance) => {
        request.target = chance.pick(['/', '/v1', '/v2/config/a', '/v1/sessions/', '/v1/members/1/x', '/v1/confi', '//v1/status', '/v1/status/', '/%76%31/status/x']);
        return {only: [400, 404, 405]};
    }],
    ['an Accept that cannot be met', request => {
        request.headers.Accept = 'image/png';
        return {also: []};
    }],
];

export function odd(request, chance) {
    for (;;) {
        const [what, change] = chance.pick(oddities);
        const expected = change(request, chance);
        if (!expected) continue;
        return {...request, kind: 'odd', what, expected};
    }
}

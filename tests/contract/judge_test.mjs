// usage: node --test judge_test.mjs      That the judge finds what is wrong with a stream of events.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {parseYaml} from '@redocly/openapi-core';
import {Document} from './document.mjs';
import {Judge} from './judge.mjs';

const text = readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8');
const judge = new Judge(new Document(parseYaml(text)));

const put = {revision: 7, key: 'a', value: {n: 1}, content_type: 'application/json', version: 1};
const lock = {revision: 8, lock: 'l', change: 'acquired', session: 's5', token: 8, mode: 'exclusive'};
const member = {revision: 9, member_id: 4, name: 'n4', change: 'added', role: 'learner', peer_address: 'h:1', epoch: 2, from_slot: 500};
const reset = {revision: 9, oldest_revision: 3, reason: 'compacted'};

const told = (event, data, id) => `event: ${event}\ndata: ${JSON.stringify(data)}\n${id === undefined ? '' : `id: ${id}\n`}\n`;
const faultsOf = (...events) => {
    const faults = [];
    judge.events(events.join(''), faults);
    return faults;
};
const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([each]) => each !== name));

test('what is as the document says passes', () => {
    assert.deepEqual(faultsOf(
        told('bookmark', {revision: 6}, '6.00c0ffee'),
        told('put', put, '7.00c0ffee'),
        told('lock', {...lock, change: 'broken', author: 'ada', comment: 'stuck'}),
        told('delete', {revision: 8, key: 'a'}, '8.00c0ffee'),
        told('member', member, '9.00c0ffee'),
        told('bookmark', {revision: 9}, '9.00c0ffee')), []);
    assert.deepEqual(faultsOf(
        told('reset', reset),
        told('put', {...put, revision: 5, snapshot: true}),
        told('put', {...put, revision: 2, snapshot: true, session: 's1'}),
        told('bookmark', {revision: 9, snapshot: true}, '9.00c0ffee'),
        'event: put\ndata: {"cut off'), []);
});

const wrong = {
    'a kind that is not known': [told('puts', put, 7)],
    'a field that is missing': [told('put', without(put, 'value'), 7)],
    'a field of another kind': [told('put', {...put, token: 3}, 7)],
    'a field that nothing tells of': [told('bookmark', {revision: 7, until: 8}, 7)],
    'a value that is not listed': [told('lock', {...lock, change: 'added'}, 8)],
    'a reset without its reason': [told('reset', without(reset, 'reason'), 9)],
    'an author without a comment': [told('lock', {...lock, change: 'broken', author: 'ada'}, 8)],
    'an id of another revision': [told('put', put, 8)],
    'an id that is no position': [told('put', put, '7.x')],
    'a bookmark without a position': [told('bookmark', {revision: 7})],
    'a position within a snapshot': [told('put', {...put, snapshot: true}, 7)],
    'a revision that was before': [told('lock', lock, 8), told('put', put, 7)],
    'an id before the end of its revision': [told('put', put, 7), told('delete', {revision: 7, key: 'b'}, 7)],
    'a revision that ends without an id': [told('put', put), told('lock', lock, 8)],
};
for (const [what, events] of Object.entries(wrong)) {
    test(`${what} is found`, () => assert.equal(faultsOf(...events).length, 1));
}

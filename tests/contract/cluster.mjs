// Three members of a throw-away cluster, by `gavel playground`.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {call} from './http.mjs';

const patience = 30000;

export async function cluster(gavel) {
    const child = spawn(gavel, ['playground', '-n', '3'], {stdio: ['ignore', 'pipe', 'pipe']});
    process.on('exit', () => child.kill('SIGTERM'));
    let printed = '';
    child.stdout.on('data', piece => printed += piece);
    child.stderr.on('data', piece => printed += piece);
    const ended = once(child, 'exit');
    const deadline = Date.now() + patience;
    const until = async (what, condition) => {
        while (!await condition()) {
            if (Date.now() > deadline || child.exitCode !== null) throw new Error(`${what}: ${printed}`);
            await new Promise(resolve => setTimeout(resolve, 50));
        }
    };
    const listed = /export GAVEL_ENDPOINTS=(\S+)\n/;
    await until('the playground does not start', () => listed.test(printed));
    const endpoints = listed.exec(printed)[1].split(',');
    const succeeds = async (endpoint, target) => {
        try {
            return (await call(endpoint, {method: 'GET', target, headers: {}})).status === 200;
        } catch {
            return false;
        }
    };
    for (const endpoint of endpoints) {
        await until(`${endpoint} does not serve`, () => succeeds(endpoint, '/v1/config'));
    }
    return {
        endpoints,
        async allLive() {
            if (/was ended|exited/.test(printed)) throw new Error(`a member ended: ${printed}`);
            for (const endpoint of endpoints) {
                if (!await succeeds(endpoint, '/readyz')) throw new Error(`${endpoint} is not ready any more`);
            }
        },
        async stop() {
            child.kill('SIGINT');
            await ended;
        },
    };
}

// One request over a connection that is kept, with nothing tidied up on its way.
import http from 'node:http';

const agent = new http.Agent({keepAlive: true, maxSockets: 1});
// How long a stream of events is looked at.
const glance = 150;

export function call(endpoint, {method, target, headers, body, noHost}) {
    const {hostname, port} = new URL(endpoint);
    const fields = {};
    return new Promise((resolve, reject) => {
        // Node takes each character of a field for a byte.
        for (const [name, value] of Object.entries(headers)) fields[name] = Buffer.from(String(value)).toString('latin1');
        // Node frames no body of a DELETE by itself.
        const framed = body ? {...fields, 'Content-Length': body.length} : fields;
        const sent = http.request({hostname, port, agent, method, path: target, headers: framed, setHost: !noHost, timeout: 30000});
        sent.on('error', reject);
        sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')));
        sent.on('response', answer => {
            const pieces = [];
            const done = () => resolve({status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces)});
            answer.on('data', piece => pieces.push(piece));
            answer.on('end', done);
            answer.on('error', reject);
            if (String(answer.headers['content-type']).startsWith('text/event-stream')) {
                setTimeout(() => {
                    answer.removeListener('error', reject);
                    answer.on('error', () => {});
                    sent.removeListener('error', reject);
                    sent.on('error', () => {});
                    sent.destroy();
                    done();
                }, glance);
            }
        });
        sent.end(body);
    });
}

// How to send it again by hand.
export function asCurl(endpoint, {method, target, headers, body}) {
    const quoted = text => `'${String(text).replaceAll("'", `'\\''`)}'`;
    const parts = ['curl -i --path-as-is -X', method, quoted(endpoint + target)];
    for (const [name, value] of Object.entries(headers)) parts.push('-H', quoted(`${name}: ${String(value).slice(0, 200)}`));
    if (body) parts.push('--data-binary', quoted(body.toString('utf8').slice(0, 400)));
    return parts.join(' ');
}

// usage: node lint.mjs        Holds docs/openapi.yaml to OpenAPI 3.1 and to the rules of redocly.yaml.
//
// Prints what strays from them and exits 1; prints one line and exits 0 when nothing does.
import {fileURLToPath} from 'node:url';
import {formatProblems, getTotals, lint, loadConfig} from '@redocly/openapi-core';

const here = path => fileURLToPath(new URL(path, import.meta.url));

const config = await loadConfig({configPath: here('redocly.yaml')});
// What is no YAML, a key that stands twice for one, is not a problem but an error.
const problems = await lint({ref: here('../../docs/openapi.yaml'), config}).catch(({message}) => {
    console.error(message);
    process.exit(1);
});
if (problems.length > 0) {
    const totals = getTotals(problems);
    formatProblems(problems, {format: 'codeframe', totals, version: '', maxProblems: 200});
    process.exit(1);
}
console.log('docs/openapi.yaml is an OpenAPI document that follows the rules.');

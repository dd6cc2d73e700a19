// Runs the spec files that tfjs-core's npm package ships against one backend, in a process of its own:
// `node test/support/tfjs-suite.mjs BACKEND [FILTER]`, BACKEND 'convolith' or 'cpu'. The engine is CONVOLITH_ENGINE's.
// The last line is a JSON object `{ passed, failed, pending, failures }`; FILTER is a regular expression on spec names.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const [backendName = 'convolith', filter = ''] = process.argv.slice(2);

// Jasmine first, for their modules look for it; chained operations and gradients next, then the environment, then specs.
const { boot } = require('jasmine-core');
boot(true);
const { coreModule, dist, registerConvolith } = await import('./tfjs-modules.mjs');
if (backendName === 'convolith') registerConvolith();
const env = globalThis.jasmine.getEnv();
const pattern = new RegExp(filter);
// Two specs of the engine switch between copies of the CPU backend, whatever is tested: they alone run on it.
const engineSpecs = './engine_test';
const wanted = (name) =>
  pattern.test(name) && (!/ cpu \{\}/.test(name) || backendName === 'cpu' || /^Switching cpu /.test(name));
env.configure({ random: false, specFilter: (spec) => wanted(spec.getFullName()) });

const { setTestEnvs } = await coreModule('jasmine_util.js');
const environment = (name) => ({ name, backendName: name, isDataSync: true });
const list = readFileSync(new URL('tests.js', dist), 'utf8').matchAll(/^import '(\..+)';$/gm);
for (const [, file] of list) {
  const names = file === engineSpecs ? new Set([backendName, 'cpu']) : [backendName];
  setTestEnvs([...names].map(environment));
  await coreModule(`${file}.js`);
}

const counts = { passed: 0, failed: 0, pending: 0, excluded: 0 };
const failures = [];
env.addReporter({
  specDone({ status, fullName, failedExpectations }) {
    counts[status]++;
    if (status === 'failed') failures.push({ name: fullName, message: String(failedExpectations[0]?.message) });
  },
  suiteDone({ failedExpectations, fullName }) {
    for (const { message } of failedExpectations) failures.push({ name: fullName, message });
    counts.failed += failedExpectations.length;
  },
  jasmineDone({ failedExpectations }) {
    for (const { message } of failedExpectations) failures.push({ name: 'the run', message });
    counts.failed += failedExpectations.length;
  },
});
// The last line is ours whatever the specs print.
await env.execute();
process.stdout.write(`\n${JSON.stringify({ ...counts, failures })}\n`, () => process.exit(0));

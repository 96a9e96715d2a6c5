/** The documentation says what the code does. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openApiText } from '../scripts/openapi-text.ts';
import { EVENTS } from '../src/alerts/events.ts';
import { CONFIG_KEYS, VARIABLES } from '../src/config.ts';
import { ROUTES } from '../src/gateway/routes.ts';
import { NAMES } from '../src/policy/names.ts';
import { CohortShape, RuleShape, When } from '../src/policy/schema.ts';
import { createPortal } from '../src/portal/app.ts';
import { REFUSALS } from '../src/refusal.ts';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

test('every refusal stands in docs/refusals.md with its status and text, and no other', () => {
  const rows = [...read('docs/refusals.md').matchAll(/^\| `(\w+)` +\| (\d+) +\| (.*?) +\|$/gm)].map((row) =>
    row.slice(1),
  );
  expect(rows).toEqual(
    Object.entries(REFUSALS).map(([code, { status, text }]) => [code, String(status), text]),
  );
});

test.each(VARIABLES)('the variable %s is documented', (name) => {
  expect(read('docs/configuration.md')).toContain(`\`${name}\``);
});

test.each(CONFIG_KEYS)('the key %s is documented', (key) => {
  expect(read('docs/configuration.md')).toMatch(new RegExp(`\`${key}[.\`]`));
});

test('the scripts, links and files that the README names exist', () => {
  const readme = read('README.md');
  for (const [, name] of readme.matchAll(/npm run (?:-s )?([a-z]+)/g)) expect(scripts).toContain(name);
  for (const [, file] of readme.matchAll(/\]\((docs\/[^)]+)\)/g))
    expect(existsSync(new URL(`../${file}`, import.meta.url))).toBe(true);
  for (const [, file] of readme.matchAll(/`((?:gateway|policy)\/[a-z]+\.ts)`/g))
    expect(existsSync(new URL(`../src/${file}`, import.meta.url))).toBe(true);
});

test('docs/compatibility.md names every operation of the route table, with its call and units, and no other', () => {
  const rows = [...read('docs/compatibility.md').matchAll(/^\| `([\w.]+)` +\| `(\S+ \S+)` +\| (.*?) *\|$/gm)];
  expect(rows.map((row) => row.slice(1))).toEqual(
    ROUTES.map(({ operation, method, path, units = [] }) => [
      operation,
      `${method} ${path}`,
      units.join(', '),
    ]),
  );
});

test('docs/openapi.json is what the server gives: npm run openapi', async () => {
  expect(read('docs/openapi.json')).toBe(await openApiText());
});

test('docs/policy.md names all that expressions see, with type and meaning, and nothing else', () => {
  const rows = [...read('docs/policy.md').matchAll(/^\| `([\w.]+)` +\| `([\w.]+)` +\| (.*?) +\|$/gm)];
  expect(rows.map((row) => row.slice(1))).toEqual(
    Object.entries(NAMES).map(([name, [type, meaning]]) => [name, type, meaning]),
  );
});

test.each([CohortShape, RuleShape, When].flatMap((one) => Object.keys(one.shape)))(
  'the key %s of a policy is documented',
  (key) => expect(read('docs/policy.md')).toMatch(new RegExp(`\\b${key}\\b`)),
);

test('CI runs the test command of the README', () => {
  expect(read('README.md')).toContain('npm install && npm test');
  expect(read('.ci/run')).toMatch(/npm install\n[\s\S]*npm test\n/);
});

test('docs/portal.md names every route of the portal’s API, and every page', () => {
  const port = new Proxy({}, { get: () => undefined });
  const { routes } = createPortal(port as never, 'realm');
  const api = routes.filter(({ path, method }) => path.startsWith('/portal/api/') && method !== 'ALL');
  const rows = [...read('docs/portal.md').matchAll(/^\| `(GET|POST) (\/portal\/api\S+)` +\|/gm)];
  expect(rows.map(([, method, path]) => `${method} ${path}`).toSorted()).toEqual(
    api.map(({ method, path }) => `${method} ${path}`).toSorted(),
  );
  for (const { path, method } of routes)
    if (method === 'GET' && /^\/portal(?:\/\w+)?$/.test(path) && !/link$/.test(path))
      expect(read('docs/portal.md')).toContain(`| \`${path}\``);
});

test('docs/monitoring.md names every event', () => {
  for (const event of EVENTS) expect(read('docs/monitoring.md')).toContain(`\`${event}\``);
});

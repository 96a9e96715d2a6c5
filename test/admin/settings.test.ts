/** Nothing through the API says where the log is written, or how: that is the configuration's, read once. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGate, type TestGate } from '../with-gate.ts';

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
  readonly [more: string]: unknown;
}
interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
}

/** An option of a stop. */
const OPTION = 'cancelUpstream';
const SETTING = /path|file|dir|database|log|durab|retain|keep|hook|url|checkpoint|witness|upstream|listen/i;
let gate: TestGate;
let operations: [string, string, Operation][];
let schemas: Readonly<Record<string, Schema>>;
beforeAll(async () => {
  gate = await startGate('http://127.0.0.1:9');
  const document = (await gate.admin('GET', 'openapi.json')) as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Schema> };
  };
  schemas = document.components.schemas;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, one]): [string, string, Operation] => [method, path, one]),
  );
});
afterAll(() => gate.close());

/** All objects of a body, however deep. */
function objectsOf(schema: Schema): Schema[] {
  if (schema.$ref) return objectsOf(schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  const inner = [...Object.values(schema.properties ?? {}), ...(schema.items ? [schema.items] : [])];
  const own = schema.properties ? [schema] : [];
  return [...own, ...inner.flatMap(objectsOf)];
}
const bodyOf = (one: Operation) => Object.values(one.requestBody?.content ?? {})[0]?.schema;

test('every body that changes something names all its members, and none is a setting of the log', () => {
  const writes = operations.filter(([method]) => method !== 'get');
  expect(writes.length).toBeGreaterThan(8);
  for (const [method, path, one] of writes) {
    const schema = bodyOf(one);
    for (const object of schema ? objectsOf(schema) : []) {
      expect([method, path, object.additionalProperties]).toEqual([method, path, false]);
      for (const name of Object.keys(object.properties ?? {}))
        expect([method, path, name, name !== OPTION && SETTING.test(name)]).toEqual([
          method,
          path,
          name,
          false,
        ]);
    }
    const parameters = (one.parameters ?? []).filter(({ in: place }) => place === 'query');
    expect([method, path, parameters]).toEqual([method, path, []]);
  }
});

test('settings that are sent all the same change nothing, on any route', async () => {
  const before = readdirSync(dirname(gate.dir)).sort();
  const settings = {
    dataDir: '/tmp/elsewhere',
    log: { durability: 'process' },
    database: 'x',
    checkpointFile: 'y',
  };
  for (const [method, path, one] of operations.filter(([method]) => method !== 'get')) {
    if (!one.requestBody) continue;
    const target = path.replace('/admin/', '').replaceAll(/\{\w+\}/g, 'x');
    await expect(gate.admin(method.toUpperCase(), target, settings)).rejects.toThrow(/^400 /);
  }
  for (const path of ['config', 'settings', 'log/config', 'log/settings', 'upstream'])
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE'])
      await expect(gate.admin(method, path, settings)).rejects.toThrow(/^40[45] /);
  expect(readdirSync(dirname(gate.dir)).sort()).toEqual(before);
});

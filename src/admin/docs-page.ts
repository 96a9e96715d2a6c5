/** The admin API for people: one page, made from the same document as /admin/openapi.json. No script, nothing from elsewhere. */
import { html } from 'hono/html';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly anyOf?: readonly Schema[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Operation {
  readonly tags?: readonly string[];
  readonly 'x-roles'?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly description?: string;
        readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
      }
    >
  >;
}

export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

export function docsPage(document: ApiDocument) {
  const all = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]): Entry => ({ method: method.toUpperCase(), path, operation }),
    ),
  );
  const tags = [...new Set(all.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  const of = (tag: string) => all.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title}</title>
<link rel="stylesheet" href="/admin/docs.css">
</head>
<body>
<header>
<h1>${document.info.title}</h1>
<p>Version ${document.info.version}. The same for machines: <a href="/admin/openapi.json">openapi.json</a>.
Send <code>Authorization: Bearer pco_…</code>, and an <code>Idempotency-Key</code> with what changes something.</p>
<nav aria-label="Nouns">${tags.map((tag) => html`<a href="#${tag}">${tag}</a> `)}</nav>
</header>
<main>${tags.map((tag) => section(tag, of(tag), document))}</main>
</body>
</html>`;
}

function section(tag: string, entries: readonly Entry[], document: ApiDocument) {
  return html`<section id="${tag}"><h2>${tag}</h2>${entries.map((one) => entry(one, document))}</section>`;
}

function entry({ method, path, operation }: Entry, document: ApiDocument) {
  const id = `${method}-${path}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const ok = operation.responses['200'];
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const answer = Object.values(ok?.content ?? {})[0]?.schema;
  const parameters = operation.parameters ?? [];
  return html`<details id="${id}">
<summary><b class="${method.toLowerCase()}">${method}</b> <code>${path}</code> <span>${ok?.description ?? ''}</span></summary>
<p class="roles">For ${(operation['x-roles'] ?? []).join(', ')}</p>
${parameters.length > 0 ? html`<h3>Parameters</h3>${members(parameters.map(parameterRow))}` : ''}
${body ? html`<h3>Body</h3>${members(rowsOf(body, document))}` : ''}
${answer ? html`<h3>Answer</h3>${members(rowsOf(answer, document))}` : ''}
<h3>Example</h3><pre>${example(method, path, body, document)}</pre>
</details>`;
}

type Row = readonly [name: string, type: string, description: string];

function members(rows: readonly Row[]) {
  return html`<dl>${rows.map(([name, type, description]) => html`<div><dt><code>${name}</code> <i>${type}</i></dt><dd>${description}</dd></div>`)}</dl>`;
}

function parameterRow({ name, in: place, required, description, schema }: Parameter): Row {
  return [name, `${typeOf(schema)}, ${place}${required ? '' : ', optional'}`, description ?? ''];
}

function rowsOf(schema: Schema, document: ApiDocument): Row[] {
  const { properties = {}, required = [], type } = resolved(schema, document);
  const rows = Object.entries(properties).map(
    ([name, one]): Row => [
      name,
      `${typeOf(one)}${required.includes(name) ? '' : ', optional'}`,
      resolved(one, document).description ?? '',
    ],
  );
  return rows.length > 0 ? rows : [['', String(type ?? 'any'), '']];
}

function resolved(schema: Schema, { components }: ApiDocument): Schema {
  return schema.$ref ? (components?.schemas?.[nameOf(schema.$ref)] ?? {}) : schema;
}

const nameOf = (reference: string): string => reference.split('/').at(-1) ?? '';

function typeOf(schema: Schema | undefined): string {
  if (!schema) return 'any';
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.enum) return schema.enum.map(String).join(' | ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ');
  if (schema.items) return `${typeOf(schema.items)}[]`;
  return [schema.type ?? 'any'].flat().join(' | ');
}

function example(method: string, path: string, body: Schema | undefined, document: ApiDocument): string {
  const lines = [
    `curl -s -X ${method} http://127.0.0.1:8788${path}`,
    `  -H "Authorization: Bearer $(cat data/operator-credential)"`,
  ];
  if (body) {
    const { properties = {}, required = [] } = resolved(body, document);
    const json = required.map((name) => `"${name}": ${sample(properties[name])}`).join(', ');
    lines.push(`  -H 'Content-Type: application/json' -d '{${json}}'`);
  }
  return lines.join(' \\\n');
}

function sample(schema: Schema | undefined): string {
  if (schema?.enum) return JSON.stringify(schema.enum[0]);
  if (schema?.items) return '[…]';
  if (schema?.type === 'object' || schema?.properties || schema?.$ref) return '{…}';
  return schema?.type === 'string' || !schema?.type ? '"…"' : '1';
}

export const DOCS_CSP =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const DOCS_CSS = `
:root { color-scheme: light dark; --text: light-dark(#1c2024, #e6e8eb); --quiet: light-dark(#60646c, #9ba1a8);
  --line: light-dark(#e2e4e8, #2b2f35); --ground: light-dark(#fcfcfd, #131517); --raised: light-dark(#f3f4f6, #1b1e22);
  --get: light-dark(#1a6e4a, #5cc997); --post: light-dark(#9a4b00, #f0a35c); --accent: light-dark(#2353b8, #8cb0ff); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 6rem; background: var(--ground); color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; text-transform: capitalize; }
h3 { font-size: .8rem; margin: 1rem 0 .25rem; color: var(--quiet); font-weight: 600; }
p { margin: 0 0 1rem; color: var(--quiet); }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .25rem .9rem; padding: .75rem 0; border-block: 1px solid var(--line); }
code, pre { font: .875em/1.5 ui-monospace, monospace; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .4rem 0; padding: 0 .9rem; }
details[open] { background: var(--raised); padding-bottom: .9rem; }
summary { cursor: pointer; padding: .55rem 0; display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline; }
summary::marker { content: ''; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .25rem; }
summary b { font: 600 .75rem/1 ui-monospace, monospace; width: 3.2rem; }
.roles { color: var(--quiet); font-size: .85rem; }
summary span { color: var(--quiet); font-size: .9rem; }
.get { color: var(--get); } .post, .patch, .put, .delete { color: var(--post); }
dl { margin: 0; } dl div { display: grid; grid-template-columns: minmax(9rem, 18rem) 1fr; gap: .1rem 1rem; padding: .2rem 0; }
dt i { color: var(--quiet); font-style: normal; font-size: .85rem; overflow-wrap: anywhere; } dd { margin: 0; font-size: .92rem; }
pre { margin: .25rem 0 0; padding: .7rem .9rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; background: var(--ground); }
@media (max-width: 40rem) { dl div { grid-template-columns: 1fr; } }
`;

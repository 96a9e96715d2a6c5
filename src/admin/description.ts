/** The description of the admin API (OpenAPI 3.1): what the routes say of themselves, and who may call each. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import manifest from '../../package.json' with { type: 'json' };
import { type AdminEnv, ALLOWED } from './access.ts';
import type { ApiDocument } from './docs-page.ts';

const ABOUT = { openapi: '3.1.0', info: { title: 'Portcullis admin API', version: manifest.version } };

/** @throws Error for a route that the table of roles does not name */
export function describeApi(app: OpenAPIHono<AdminEnv>): ApiDocument {
  const document = app.getOpenAPI31Document(ABOUT) as ApiDocument;
  const described = Object.entries(document.paths ?? {}).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => [
        method,
        { ...operation, 'x-roles': rolesOf(method, path) },
      ]),
    ),
  ]);
  return { ...document, paths: Object.fromEntries(described) };
}

function rolesOf(method: string, path: string): readonly string[] {
  // A tile's place has slashes in it, which no parameter of a path may.
  const pattern = path.replace('{tile}', '*').replaceAll(/\{(\w+)\}/g, ':$1');
  const allowed = ALLOWED[`${method.toUpperCase()} ${pattern}`];
  if (!allowed) throw new Error(`${method.toUpperCase()} ${path} is not in the table of roles`);
  return allowed === 'anyone' ? ['anyone'] : allowed;
}

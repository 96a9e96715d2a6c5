/** The admin API of a deployment, with a credential for each role: over HTTP what test/admin/with-admin.ts has in one process. */
import { createClient } from '../../src/admin/client.ts';
import { ROLES } from '../../src/store/states.ts';
import type { Admin } from '../admin/with-admin.ts';
import { PERMISSIVE } from '../with-gate.ts';
import { startWorkers } from './with-gate.ts';

const NOWHERE = 'http://127.0.0.1:9';

export async function startAdmin(): Promise<Admin> {
  const gate = await startWorkers(NOWHERE, `alpha: { ${PERMISSIVE} }`);
  const credentials: Record<string, string> = {};
  for (const role of ROLES) {
    const operator = `the-${role}`;
    await gate.admin('POST', 'operators', { name: operator, role });
    const made = await gate.admin('POST', 'operator-tokens', { operator, label: 'test' });
    credentials[role] = String(made.credential);
  }
  const request = (path: string, init?: RequestInit) => fetch(new URL(path, gate.control), init);
  return {
    app: { request },
    client: createClient({ url: gate.control, credential: credentials.operator ?? '' }),
    credentials: credentials as Admin['credentials'],
    call: (method, path, json, credential = credentials.operator) =>
      request(path, {
        method,
        headers: {
          authorization: `Bearer ${credential}`,
          ...(json ? { 'content-type': 'application/json' } : {}),
        },
        ...(json ? { body: JSON.stringify(json) } : {}),
      }),
    acts: () => gate.read("select * from acts where operator like 'the-%' order by id"),
    read: gate.read,
    get control(): never {
      throw new Error('it is in another process');
    },
    get db(): never {
      throw new Error('it is in another process');
    },
    dataDir: gate.dir,
    close: () => gate.close(),
  };
}

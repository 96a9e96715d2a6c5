/** A Worker that runs one case in a fresh Durable Object, on that object's own SQLite. */
import {
  type Migration,
  migrateObject,
  type ObjectStorage,
  objectDatabase,
  objectTransaction,
} from '../../src/store/durable.worker.ts';
import { CASES } from './cases.ts';

/** Put in by the bundler. */
declare const MIGRATIONS: readonly Migration[];

export class TestObject {
  readonly #storage: ObjectStorage;

  constructor({ storage }: { storage: ObjectStorage }) {
    this.#storage = storage;
    migrateObject(storage, MIGRATIONS);
    // As after a restart: nothing is done twice.
    migrateObject(storage, MIGRATIONS);
  }

  async fetch(request: Request): Promise<Response> {
    const storage = this.#storage;
    const run = CASES[await request.text()];
    if (!run) return Response.json({ fault: 'There is no such case.' });
    try {
      const transaction = (hooks: Parameters<typeof objectTransaction>[1]) =>
        objectTransaction(storage, hooks);
      const keyText = await run({ db: objectDatabase(storage), transaction });
      return Response.json({ fault: null, keyText });
    } catch (fault) {
      return Response.json({ fault: fault instanceof Error ? `${fault.stack}` : String(fault) });
    }
  }
}

interface Env {
  readonly OBJECTS: {
    get(id: unknown): { fetch(request: Request): Promise<Response> };
    newUniqueId(): unknown;
  };
}

export default {
  fetch: (request: Request, { OBJECTS: objects }: Env) => objects.get(objects.newUniqueId()).fetch(request),
};

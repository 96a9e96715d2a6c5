/** A Worker whose objects leave writes for later: `many` of them, or one. */
import type { ObjectStorage } from '../../src/store/durable.worker.ts';
import { later } from '../../src/turn.ts';

interface Env {
  readonly OBJECTS: {
    get(id: unknown): { fetch(request: Request): Promise<Response> };
    idFromName(name: string): unknown;
  };
}

export class TestObject {
  readonly #storage: ObjectStorage;

  constructor({ storage }: { storage: ObjectStorage }) {
    this.#storage = storage;
    storage.sql.exec('create table if not exists done (n)');
  }

  async fetch(request: Request): Promise<Response> {
    const writes = Number(new URL(request.url).searchParams.get('writes'));
    await Promise.all(Array.from({ length: writes }, () => this.#later()));
    const [row] = this.#storage.sql.exec('select count(*) as n from done').toArray();
    return Response.json(row);
  }

  #later(): Promise<void> {
    return new Promise((resolve) =>
      later(() => {
        this.#storage.sql.exec('insert into done values (1)');
        resolve();
      }),
    );
  }
}

export default {
  fetch: (request: Request, { OBJECTS: objects }: Env) =>
    objects.get(objects.idFromName(new URL(request.url).pathname)).fetch(request),
};

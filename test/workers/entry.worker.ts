/** The Worker as it is deployed, but its objects can be crashed, cut off from each other, and written into past the gate. */
import { GateObject as Gate, TesterObject as Tester } from '../../src/worker.ts';
import { type Line, overLine, whileOpen } from './line.worker.ts';

export { Control, default } from '../../src/worker.ts';

/** Of the runtime; the gate itself has no use for it. */
function abort(ctx: object): void {
  (ctx as { abort(why: string): void }).abort('crashed by a test');
}

type Parts<T extends abstract new (...parts: never) => unknown> = ConstructorParameters<T>;

interface Sql {
  exec(...statement: unknown[]): { readonly rowsWritten: number };
}

/** @returns how many rows the object's statements have written since, as they are billed: indexes count */
function counting(of: object): () => number {
  const sql = of as Sql;
  const cursors: { readonly rowsWritten: number }[] = [];
  const exec = sql.exec.bind(sql);
  sql.exec = (...statement) => {
    const cursor = exec(...statement);
    cursors.push(cursor);
    return cursor;
  };
  return () => cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
}

export class GateObject extends Gate {
  #written: (() => number) | null = null;

  /** Counts from the first time it is asked. */
  written(): number {
    this.#written ??= counting(this.ctx.storage.sql);
    return this.#written();
  }

  crash(): void {
    abort(this.ctx);
  }

  sql(text: string): void {
    this.ctx.storage.sql.exec(text);
  }
}

export class TesterObject extends Tester {
  readonly #line: Line;
  #written: (() => number) | null = null;

  constructor(...[ctx, env]: Parts<typeof Tester>) {
    const line = { isCut: false };
    super(ctx, { ...env, GATE: overLine(env.GATE, line) });
    this.#line = line;
  }

  written(): number {
    this.#written ??= counting(this.ctx.storage.sql);
    return this.#written();
  }

  crash(): void {
    abort(this.ctx);
  }

  /** Neither reaches the other; the client reaches both. */
  cutOff(isCut: boolean): void {
    this.#line.isCut = isCut;
  }

  static {
    whileOpen(Tester, TesterObject, (one) => one.#line);
  }
}

interface Hand {
  [act: string]: (...args: unknown[]) => Promise<unknown>;
}
interface Env {
  readonly GATE: { getByName(name: string): Hand };
  readonly TESTER: Env['GATE'];
}

/** `POST /gate/gate/crash`, `POST /tester/tester:ada/cutOff` with arguments in a list. */
export const Hands = {
  async fetch(request: Request, { GATE, TESTER }: Env): Promise<Response> {
    const [, kind, name = '', act = ''] = new URL(request.url).pathname.split('/').map(decodeURIComponent);
    const hand = (kind === 'gate' ? GATE : TESTER).getByName(name);
    try {
      return Response.json((await hand[act]?.(...((await request.json()) as unknown[]))) ?? null);
    } catch (fault) {
      return Response.json({ fault: String(fault) }, { status: 500 });
    }
  },
};

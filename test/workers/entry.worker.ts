/** The Worker as it is deployed, but its objects can be crashed, cut off from each other, and written into past the gate. */
import { GateObject as Gate, TesterObject as Tester } from '../../src/worker.ts';
import { type Line, overLine, whileOpen } from './line.worker.ts';

export { Control, default } from '../../src/worker.ts';

/** Of the runtime; the gate itself has no use for it. */
function abort(ctx: object): void {
  (ctx as { abort(why: string): void }).abort('crashed by a test');
}

type Parts<T extends abstract new (...parts: never) => unknown> = ConstructorParameters<T>;

export class GateObject extends Gate {
  crash(): void {
    abort(this.ctx);
  }

  sql(text: string): void {
    this.ctx.storage.sql.exec(text);
  }
}

export class TesterObject extends Tester {
  readonly #line: Line;

  constructor(...[ctx, env]: Parts<typeof Tester>) {
    const line = { isCut: false };
    super(ctx, { ...env, GATE: overLine(env.GATE, line) });
    this.#line = line;
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

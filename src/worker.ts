/** The entry on Cloudflare Workers: what testers call, the operators' side by its own name, and the clock. */
import { WorkerEntrypoint } from 'cloudflare:workers';
import { handOver, handToControl } from './worker/front.worker.ts';
import { GATE } from './worker/names.worker.ts';
import type { Env } from './worker/runtime.worker.ts';

export { GateObject } from './worker/gate-object.worker.ts';
export { TesterObject } from './worker/tester-object.worker.ts';

/** For the control Worker alone, which has a host name of its own: nothing of it can be reached under the testers'. */
export class Control extends WorkerEntrypoint<Env> {
  fetch(request: Request): Promise<Response> {
    return handToControl(request, this.env);
  }
}

export default {
  fetch: (request: Request, env: Env): Promise<Response> => handOver(request, env),
  scheduled: (_: unknown, env: Env): Promise<void> => env.GATE.getByName(GATE).minute(),
};

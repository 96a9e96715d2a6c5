/** Between the making of an object and its first use: on every route that makes one, nobody else ever gets in. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES, type Route } from '../../src/gateway/routes.ts';
import { sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const HIS = 'file-ofada0123456';
const AT_ONCE = 12;
let gate: TestGate;
let upstream: Upstream;
let ada: string;
let bob: string;
/** The route under attack, and how many objects it has made; their ids can be guessed. */
let making: Route;
let made = 0;
const idOf = (n: number, place: number) => `obj_${making.operation.replaceAll('.', '_')}_${n}_${place}made`;

beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    const isMaking = incoming.headers['openai-beta'] === 'make';
    const n = isMaking ? made++ : 0;
    const answer = {};
    if (isMaking)
      for (const [i, place] of Object.keys(making.makes ?? {}).entries())
        put(answer, place.split('.'), idOf(n, i));
    // Ids are known before the gate has heard of them: that is what the others bet on.
    setTimeout(() => {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }, 15);
  });
  gate = await startGate(upstream.url);
  ada = await gate.tester('ada');
  bob = await gate.tester('bob');
  await gate.enter('ada', HIS);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** Sets `a.b[].c` in the answer. */
function put(holder: Record<string, unknown>, [step = '', ...rest]: readonly string[], id: string): void {
  const name = step.replace('[]', '');
  if (rest.length === 0) {
    holder[name] = id;
    return;
  }
  const inner = (holder[name] as [Record<string, unknown>] | undefined) ?? (step.endsWith('[]') ? [{}] : {});
  holder[name] = inner;
  put((Array.isArray(inner) ? inner[0] : inner) as Record<string, unknown>, rest, id);
}

async function call(
  token: string,
  method: string,
  path: string,
  body?: BodyInit,
  headers = {},
): Promise<number> {
  const answer = await fetch(gate.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: body ?? null,
  });
  await answer.arrayBuffer();
  return answer.status;
}
const JSON_TYPE = { 'content-type': 'application/json' };
const get = (token: string, id: string) => call(token, 'GET', `/v1/files/${id}`);
const use = (token: string, id: string) =>
  call(token, 'POST', '/v1/embeddings', JSON.stringify({ model: 'm', file_id: id }), JSON_TYPE);

function make({ method, path, body, makesIf }: Route): Promise<number> {
  const more = Object.fromEntries((makesIf ?? []).map((name) => [name, true]));
  const form = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b--\r\n';
  const asForm = body === 'multipart';
  const text = body === 'none' ? undefined : asForm ? form : JSON.stringify({ model: 'm', ...more });
  const type = asForm ? 'multipart/form-data; boundary=b' : 'application/json';
  const headers = { 'openai-beta': 'make', ...(text ? { 'content-type': type } : {}) };
  return call(ada, method, path.replaceAll(/:\w+/g, HIS), text, headers);
}

const makers = ROUTES.filter(({ makes, method }) => makes && method === 'POST');
test.each(makers.map((route) => [route.operation, route] as const))(
  "%s: what it makes is the maker's before anybody can use it",
  async (_, route) => {
    making = route;
    made = 0;
    const ids = Array.from({ length: AT_ONCE }, (_, n) =>
      Object.keys(route.makes ?? {}).map((_, place) => idOf(n, place)),
    ).flat();
    let over = false;
    const statuses = new Set<number>();
    const attackers = Array.from({ length: 4 }, async (_, i) => {
      while (!over) for (const id of ids) statuses.add(await (i % 2 ? get(bob, id) : use(bob, id)));
    });
    const makings = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, n) => {
        await sleep(n * 2);
        return make(route);
      }),
    );
    expect(new Set(makings)).toEqual(new Set([200]));
    for (const id of ids) statuses.add(await get(bob, id));
    over = true;
    await Promise.all(attackers);
    expect([...statuses]).toEqual([404]);
    for (const id of ids) expect([id, await get(ada, id)]).toEqual([id, 200]);
    const foreign = gate.rows("tester = 'bob' and decision = 'allowed'");
    expect(foreign).toEqual([]);
  },
);

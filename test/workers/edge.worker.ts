/** What Cloudflare's edge does before a Worker is asked: it says who calls, and nobody else can. */
interface Env {
  readonly BEHIND: { fetch(request: Request): Promise<Response> };
  readonly CONTROL: Env['BEHIND'];
}

function from(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.set('cf-connecting-ip', '127.0.0.1');
  return new Request(request, { headers });
}

export default { fetch: (request: Request, { BEHIND }: Env) => BEHIND.fetch(from(request)) };
export const Control = { fetch: (request: Request, { CONTROL }: Env) => CONTROL.fetch(from(request)) };

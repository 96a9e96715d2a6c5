/** The control Worker: the operators' side under a host name of its own. It holds nothing and decides nothing. */
interface Env {
  readonly GATE: { fetch(request: Request): Promise<Response> };
}

export default { fetch: (request: Request, { GATE }: Env): Promise<Response> => GATE.fetch(request) };

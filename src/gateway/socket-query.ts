/** What a WebSocket call asks for: it has no body, so its one parameter stands in the query. */
import type { Inbound } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import type { Frame } from './guard.ts';
import type { Route } from './routes.ts';

/** Nothing that two readers could take for two parameters. */
const MODEL_ONLY = /^\?model=((?:[A-Za-z0-9._~:@/-]|%[0-9A-Fa-f]{2})+)$/;
const MAX_NAME_CHARS = 200;

/** The model of a socket route; null for any other route. @throws Refusal */
export function socketModel(route: Route, { query }: Frame, inbound: Inbound): string | null {
  if (!route.socket) return null;
  if (!inbound.upgradable) throw new Refusal('upgrade_required');
  const model = decodeURIComponent(MODEL_ONLY.exec(query)?.[1] ?? '');
  if (model.length <= MAX_NAME_CHARS && /^[\x21-\x7e]+$/.test(model)) return model;
  throw new Refusal('invalid_request', 'query of a socket', {
    message: 'Name one "model" in the query, and nothing else.',
    param: 'model',
  });
}

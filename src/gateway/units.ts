/** How much a call asks for, and how much it used. Pure. */
import { amount, type Fields } from './body.ts';
import type { Route, Unit } from './routes.ts';

/** Units by name; one that is absent does not concern the call. */
export type Units = Readonly<Partial<Record<Unit, number>>>;

/** What upstreams of this kind make when the request names no length. */
export const DEFAULT_SECONDS = 4;
/** Set aside for an answer whose length the request does not bound; settled to what was used. */
const DEFAULT_ANSWER_TOKENS = 1_024;
const BYTES_PER_TOKEN = 4;

/** @param bodyBytes length of the request's body */
export function askedUnits(route: Route, fields: Fields, bodyBytes: number): Units {
  const asked: Partial<Record<Unit, number>> = {};
  for (const unit of route.units ?? []) asked[unit] = ASKED[unit](fields, bodyBytes);
  return asked;
}

const ASKED: Readonly<Record<Unit, (fields: Fields, bodyBytes: number) => number>> = {
  videoSeconds: (fields) => amount(fields, 'seconds') ?? DEFAULT_SECONDS,
  images: (fields) => amount(fields, 'n') ?? 1,
  tokens: (fields, bodyBytes) => inputTokens(bodyBytes) + answerTokens(fields),
  bytes: (_, bodyBytes) => bodyBytes,
};

/** A cautious guess: it is replaced by upstream's own count. */
export function inputTokens(bodyBytes: number): number {
  return Math.ceil(bodyBytes / BYTES_PER_TOKEN);
}

function answerTokens(fields: Fields): number {
  const bound =
    amount(fields, 'max_completion_tokens') ??
    amount(fields, 'max_output_tokens') ??
    amount(fields, 'max_tokens') ??
    DEFAULT_ANSWER_TOKENS;
  return bound * (amount(fields, 'n') ?? 1);
}

/** Tokens in a `usage` object of any of the API's shapes; null when it does not say. */
export function tokensIn(usage: unknown): number | null {
  if (typeof usage !== 'object' || usage === null) return null;
  const { total_tokens: total, input_tokens: input, output_tokens: output } = usage as Fields;
  if (isCount(total)) return total;
  return isCount(input) && isCount(output) ? input + output : null;
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** What alerts tell, and how each target is told. Pure. */

export const EVENTS = [
  'switch.engaged',
  'switch.released',
  'switch.readmitted',
  'drill.failed',
  'log.unwritable',
  'quota.exhausted',
  'upstream.down',
  'upstream.up',
  'test',
] as const;
export type EventName = (typeof EVENTS)[number];

export interface AlertEvent {
  readonly event: EventName;
  /** Unix milliseconds. */
  readonly at: number;
  readonly data: Readonly<Record<string, string | number | null>>;
}

export interface Target {
  readonly name: string;
  readonly url: string;
  /** `whsec_…`; null for Slack, whose address is the secret. */
  readonly secret: string | null;
  readonly format: 'standard' | 'slack';
  /** Names, or the beginning of some before a `*`. */
  readonly events: readonly string[];
}

export function wants({ events }: Target, event: EventName): boolean {
  if (event === 'test') return true;
  return events.some((one) => one === event || (one.endsWith('*') && event.startsWith(one.slice(0, -1))));
}

/** The body for a target: Standard Webhooks' `{type, timestamp, data}`, or Slack's `{text, blocks}`. */
export function bodyFor(format: Target['format'], { event, at, data }: AlertEvent): string {
  if (format === 'standard')
    return JSON.stringify({ type: event, timestamp: new Date(at).toISOString(), data });
  const text = slackText(event, data);
  return JSON.stringify({ text, blocks: [{ type: 'section', text: { type: 'mrkdwn', text } }] });
}

function slackText(event: EventName, data: AlertEvent['data']): string {
  const said = Object.entries(data)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${escaped(String(value))}`);
  return [`*Portcullis: ${HEADLINES[event]}*`, ...said].join('\n');
}

const HEADLINES: Readonly<Record<EventName, string>> = {
  'switch.engaged': 'stopped',
  'switch.released': 'released',
  'switch.readmitted': 'let back in',
  'drill.failed': 'THE DRILL OF THE STOP FAILED',
  'log.unwritable': 'the log takes no writes, every call is refused',
  'quota.exhausted': 'a quota is used up',
  'upstream.down': 'upstream cannot be reached',
  'upstream.up': 'upstream answers again',
  test: 'a test',
};

/** Slack's own three escapes: nothing that anybody wrote can mention a channel or make a link. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

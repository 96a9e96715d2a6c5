/**
 * The bytes of a video at upstream, read on the gate's own behalf: under its own key, as fast as whoever takes them,
 * and nothing of upstream's answer but the bytes and a few headers that tell of them.
 */
import type { AnswerHeaders, AnswerSink, HeaderList, Outbound, Sending, Upstream } from '../deps.ts';

export const VARIANTS = ['video', 'thumbnail', 'spritesheet'] as const;
export type Variant = (typeof VARIANTS)[number];

export interface ContentAsk {
  /** The id that upstream gave. */
  readonly video: string;
  readonly variant: Variant;
  /** One range of bytes (RFC 9110 section 14.2); what is none, or several, is read as the whole. */
  readonly range?: string | null;
  readonly ifRange?: string | null;
  readonly headOnly?: boolean;
}

export interface Content {
  readonly status: 200 | 206 | 416;
  readonly headers: Readonly<Record<string, string>>;
  /** Null where there are no bytes to read. Cancelling it ends the request to upstream. */
  readonly body: ReadableStream<Uint8Array> | null;
}

/** Upstream did not give the bytes. */
export class ContentUnavailable extends Error {
  /** Of upstream; null: it did not answer. */
  readonly status: number | null;

  constructor(status: number | null, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** What may be shown. Anything else is bytes that no reader looks into. */
const MEDIA: ReadonlySet<string> = new Set([
  'video/mp4',
  'video/webm',
  'video/quicktime',
  'image/png',
  'image/jpeg',
  'image/webp',
]);
const BYTES = 'application/octet-stream';
const ONE_RANGE = /^bytes=(?:\d{1,15}-\d{0,15}|-\d{1,15})$/;
/** Read ahead of whoever takes them; flat whatever the length of the clip. */
const AHEAD_BYTES = 262_144;

export function contentRequest({ video, variant, range, ifRange, headOnly = false }: ContentAsk): Outbound {
  const query = variant === 'video' ? '' : `?variant=${variant}`;
  const isPart = range !== null && range !== undefined && ONE_RANGE.test(range);
  const headers: HeaderList = [
    ...['accept', '*/*', 'accept-encoding', 'identity'],
    ...(isPart ? ['range', range] : []),
    ...(isPart && ifRange ? ['if-range', ifRange] : []),
  ];
  const target = `/v1/videos/${encodeURIComponent(video)}/content${query}`;
  return { method: headOnly ? 'HEAD' : 'GET', target, headers, body: null };
}

/** The headers that tell of the bytes, by an allow-list; null for an answer that is none with bytes of a video. */
export function mediaHeaders(status: number, headers: AnswerHeaders): Record<string, string> | null {
  if (status !== 200 && status !== 206 && status !== 416) return null;
  if (one(headers, 'content-encoding') !== null) return null;
  const told: Record<string, string> = {};
  for (const name of status === 416 ? ['content-range'] : OF_THE_BYTES) {
    const value = one(headers, name);
    if (value !== null) told[name] = value;
  }
  const type = one(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  told['content-type'] = MEDIA.has(type) ? type : BYTES;
  return told;
}

const OF_THE_BYTES = ['accept-ranges', 'content-length', 'content-range', 'etag', 'last-modified'];

/** For a browser: it plays, and does nothing else. In an origin of its own Chromium would load no clip: no script has this one. */
const SANDBOXED = {
  'content-disposition': 'inline',
  'content-security-policy':
    "default-src 'none'; media-src 'self'; img-src 'self'; sandbox allow-same-origin",
} as const;

/** Beside those of the bytes, for operators and testers who are signed in. */
export const PLAYED: Readonly<Record<string, string>> = {
  ...SANDBOXED,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
};

/** The same for who follows a link, beside what every answer of the gateway says; any site may show what is released. */
export const LINKED: HeaderList = Object.entries({
  ...SANDBOXED,
  'cross-origin-resource-policy': 'cross-origin',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex, nofollow, noarchive',
}).flat();

/**
 * Resolves when upstream's answer begins.
 * @param signal ends the request before that
 * @throws ContentUnavailable
 */
export function openContent(upstream: Upstream, ask: ContentAsk, signal?: AbortSignal): Promise<Content> {
  return new Promise((resolve, reject) => {
    const reading = new Reading(ask.headOnly === true, resolve, reject);
    if (signal?.aborted) return reading.leave();
    reading.sending = upstream.send(contentRequest(ask), reading);
    signal?.addEventListener('abort', () => reading.leave(), { once: true });
  });
}

class Reading implements AnswerSink {
  sending: Sending | null = null;
  readonly #headOnly: boolean;
  readonly #resolve: (content: Content) => void;
  readonly #reject: (fault: ContentUnavailable) => void;
  #out: ReadableStreamDefaultController<Uint8Array> | null = null;
  #over = false;

  constructor(headOnly: boolean, resolve: (content: Content) => void, reject: (fault: Error) => void) {
    this.#headOnly = headOnly;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  head(status: number, upstream: AnswerHeaders): void {
    const headers = mediaHeaders(status, upstream);
    if (headers === null) {
      this.#over = true;
      this.#reject(new ContentUnavailable(status, `upstream answered ${status}`));
      // The request may not be in our hands yet, and there may be an endless body behind this head.
      queueMicrotask(() => this.sending?.abort());
      return;
    }
    const hasBody = !this.#headOnly && status !== 416;
    const body = hasBody ? this.#stream() : null;
    if (!hasBody) this.#over = true;
    this.#resolve({ status: status as Content['status'], headers, body });
  }

  #stream(): ReadableStream<Uint8Array> {
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => {
        this.#out = controller;
      },
      pull: () => this.sending?.resume(),
      cancel: () => {
        this.#out = null;
        this.leave();
      },
    };
    return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES }));
  }

  data(chunk: Uint8Array): boolean {
    if (this.#over || this.#out === null) return true;
    this.#out.enqueue(chunk);
    return (this.#out.desiredSize ?? 0) > 0;
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#out?.close();
  }

  error(fault: string): void {
    if (this.#over) return;
    this.#over = true;
    const unavailable = new ContentUnavailable(null, `upstream: ${fault}`);
    if (this.#out) this.#out.error(unavailable);
    else this.#reject(unavailable);
  }

  /** Nobody waits for it any more. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.sending?.abort();
    this.#out?.close();
    this.#reject(new ContentUnavailable(null, 'gone'));
  }
}

function one(headers: AnswerHeaders, name: string): string | null {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

/** Serves bytes with validators and single ranges, as RFC 9110 has them. */
import { ApiError, errorBody } from './errors.ts';

export type Content = { bytes: Uint8Array; etag: string; type: string };

type Span = { from: number; to: number };

export function bytesResponse(request: Request, { bytes, etag, type }: Content): Response {
  const headers: Record<string, string> = { 'accept-ranges': 'bytes', etag, 'content-type': type };
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers });
  const span = spanOf(request, bytes.length, etag);
  if (span === 'unsatisfiable') return unsatisfiable(bytes.length);
  if (!span) return full(request, bytes, headers, 200);
  headers['content-range'] = `bytes ${span.from}-${span.to}/${bytes.length}`;
  return full(request, bytes.subarray(span.from, span.to + 1), headers, 206);
}

function full(request: Request, bytes: Uint8Array, headers: Record<string, string>, status: 200 | 206) {
  const body = request.method === 'HEAD' ? null : new Uint8Array(bytes);
  return new Response(body, { status, headers: { ...headers, 'content-length': String(bytes.length) } });
}

/** Anything but one well-formed range means the whole, as the standard allows. */
function spanOf(request: Request, size: number, etag: string): Span | 'unsatisfiable' | undefined {
  const ifRange = request.headers.get('if-range');
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get('range') ?? '') ?? [];
  if ((first === '' && last === '') || (ifRange !== null && ifRange !== etag)) return undefined;
  if (first === '')
    return Number(last) > 0 ? { from: Math.max(0, size - Number(last)), to: size - 1 } : 'unsatisfiable';
  const from = Number(first);
  const to = last === '' ? size - 1 : Math.min(size - 1, Number(last));
  if (last !== '' && Number(last) < from) return undefined;
  return from < size ? { from, to } : 'unsatisfiable';
}

function unsatisfiable(size: number): Response {
  const error = new ApiError(416, 'The requested range is not satisfiable.', {
    code: 'range_not_satisfiable',
  });
  return Response.json(errorBody(error), { status: 416, headers: { 'content-range': `bytes */${size}` } });
}

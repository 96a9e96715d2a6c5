/** What both listeners ask of the frame of a request, beyond what the HTTP parser does. Pure. */

/** RFC 9110 section 7.2: a name or address and perhaps a port, nothing else. */
const HOST = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export function isHost(host: string): boolean {
  return HOST.test(host) && URL.canParse(`http://${host}`);
}

/** Why a request's framing could be read in two ways; null when it cannot. */
export function framingFault(version: string, transferEncoding: string | null | undefined): string | null {
  if (version !== '1.1' && version !== '1.0') return `HTTP/${version}`;
  if (transferEncoding === null || transferEncoding === undefined) return null;
  // RFC 9112 section 6.1: HTTP/1.0 knows no transfer coding, so its framing would be faulty.
  return version === '1.0' || transferEncoding.toLowerCase() !== 'chunked' ? 'transfer-encoding' : null;
}

/** The metadata of this protected resource (RFC 9728): where to get a token, and how to send it. */
import { OWN_SCOPE } from './issue.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

interface Described {
  readonly publicUrl?: string | undefined;
  readonly issuers: readonly { readonly issuer: string; readonly scope?: string | undefined }[];
}

/** RFC 9728 section 3.1: the well-known path goes between the host and the resource's own path. */
export function metadataUrl(resource: string): URL {
  const { origin, pathname } = new URL(resource);
  return new URL(`${WELL_KNOWN}${pathname.replace(/\/$/, '')}`, origin);
}

/** Where it is served: also without the resource's path, for a proxy may have taken that off. */
export function metadataPaths(publicUrl: string | undefined): string[] {
  return [...new Set([WELL_KNOWN, publicUrl === undefined ? WELL_KNOWN : metadataUrl(publicUrl).pathname])];
}

/** Null without a public URL: the Host header is anybody's to write, and must not say who we are. */
export function protectedResource({ publicUrl, issuers }: Described): object | null {
  if (publicUrl === undefined) return null;
  const servers = issuers.map(({ issuer }) => issuer).filter((issuer) => /^https?:\/\//.test(issuer));
  const scopes = issuers.flatMap(({ scope }) => scope ?? []);
  return {
    resource: publicUrl,
    resource_name: 'Portcullis',
    ...(servers.length > 0 ? { authorization_servers: servers } : {}),
    jwks_uri: `${publicUrl.replace(/\/$/, '')}/.well-known/jwks.json`,
    scopes_supported: [...new Set([OWN_SCOPE, ...scopes])],
    bearer_methods_supported: ['header'],
  };
}

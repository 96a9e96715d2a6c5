/** Serves the console's own files. */
import { Hono } from 'hono';

export interface Asset {
  readonly type: string;
  readonly body: string;
  /** Of its content: stands in its address, so that it may be kept for good. */
  readonly version: string;
}

export type Assets = ReadonlyMap<string, Asset>;

export function assetAddress(assets: Assets): (name: string) => string {
  return (name) => `/console/assets/${name}?v=${assets.get(name)?.version ?? ''}`;
}

export function assetRoutes(assets: Assets) {
  return new Hono().get('/console/assets/:name', (c) => {
    const asset = assets.get(c.req.param('name'));
    if (!asset) return c.notFound();
    const isKept = c.req.query('v') === asset.version;
    return c.body(asset.body, 200, {
      'content-type': asset.type,
      'cache-control': isKept ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
  });
}

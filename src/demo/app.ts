/** Puts the simulator together: the key check, the headers every answer carries, the routes. */
import { randomUUID } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { audioRoutes } from './audio.ts';
import { batchRoutes } from './batches.ts';
import { chatRoutes } from './chat.ts';
import { embeddingRoutes } from './embeddings.ts';
import { ApiError, errorBody } from './errors.ts';
import { fileRoutes } from './files.ts';
import { imageRoutes } from './images.ts';
import { createKeyCheck } from './key.ts';
import { modelRoutes } from './models.ts';
import { moderationRoutes } from './moderations.ts';
import { responseRoutes } from './responses.ts';
import type { DemoState, Routes } from './state.ts';
import { uploadRoutes } from './uploads.ts';
import { vectorFileRoutes } from './vector-files.ts';
import { vectorStoreRoutes } from './vector-stores.ts';
import { videoContentRoutes } from './video-content.ts';
import { videoRoutes } from './videos.ts';

const ROUTES: Routes[] = [
  modelRoutes,
  chatRoutes,
  videoContentRoutes,
  videoRoutes,
  fileRoutes,
  imageRoutes,
  embeddingRoutes,
  responseRoutes,
  audioRoutes,
  moderationRoutes,
  uploadRoutes,
  vectorStoreRoutes,
  vectorFileRoutes,
  batchRoutes,
];

export function createDemoApp(key: string, state: DemoState): Hono {
  const app = new Hono();
  app.use(answerHeaders);
  app.use('/v1/*', keyCheck(key));
  for (const add of ROUTES) add(app, state);
  app.notFound((c) => refusal(c, new ApiError(404, `Invalid URL (${c.req.method} ${c.req.path})`)));
  app.onError((error, c) => refusal(c, asApiError(error)));
  return app;
}

const answerHeaders: MiddlewareHandler = async (c, next) => {
  const startedMs = performance.now();
  await next();
  const headers: Record<string, string> = {
    'x-request-id': `req_${randomUUID().replaceAll('-', '')}`,
    'openai-processing-ms': String(Math.max(1, Math.round(performance.now() - startedMs))),
    'openai-organization': 'demo-org',
    'openai-version': '2020-10-01',
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-limit-tokens': '2000000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-remaining-tokens': '1999900',
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-reset-tokens': '3ms',
  };
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
};

function keyCheck(key: string): MiddlewareHandler {
  const check = createKeyCheck(key);
  return async (c, next) => {
    check(c.req.header('authorization'));
    await next();
  };
}

function asApiError(error: Error): ApiError {
  if (error instanceof ApiError) return error;
  process.stderr.write(`${error.stack ?? error}\n`);
  return new ApiError(500, 'The server had an error while processing your request.', {
    type: 'server_error',
  });
}

function refusal(c: Context, error: ApiError): Response {
  return c.json(errorBody(error), error.status);
}

/** The route table: what is not here is refused. Adding a route is one row here and one test. */

/** `json`: a JSON body; `multipart`: multipart/form-data; `either`: one of the two; `none`: no body. */
export type BodyKind = 'none' | 'json' | 'multipart' | 'either';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly operation: string;
  readonly body: BodyKind;
  /** The call names a model in its body (or in its path, as `:model`); one that does not is refused. */
  readonly model?: 'body' | 'path';
}

const row = (
  method: Route['method'],
  path: string,
  operation: string,
  body: BodyKind = 'none',
  model?: Route['model'],
): Route => ({ method, path, operation, body, model });

/** GET routes serve HEAD too. */
export const ROUTES: readonly Route[] = [
  row('GET', '/v1/models', 'models.list'),
  row('GET', '/v1/models/:model', 'models.retrieve', 'none', 'path'),
  row('POST', '/v1/chat/completions', 'chat.completions.create', 'json', 'body'),
  row('POST', '/v1/embeddings', 'embeddings.create', 'json', 'body'),
  row('POST', '/v1/images/generations', 'images.generate', 'json', 'body'),
  row('POST', '/v1/videos', 'videos.create', 'either', 'body'),
  row('GET', '/v1/videos', 'videos.list'),
  row('POST', '/v1/videos/edits', 'videos.edit', 'either'),
  row('POST', '/v1/videos/extensions', 'videos.extend', 'either'),
  row('GET', '/v1/videos/:id', 'videos.retrieve'),
  row('DELETE', '/v1/videos/:id', 'videos.delete'),
  row('POST', '/v1/videos/:id/remix', 'videos.remix', 'json'),
  row('GET', '/v1/videos/:id/content', 'videos.content'),
  row('POST', '/v1/files', 'files.create', 'multipart'),
  row('GET', '/v1/files', 'files.list'),
  row('GET', '/v1/files/:id', 'files.retrieve'),
  row('DELETE', '/v1/files/:id', 'files.delete'),
  row('GET', '/v1/files/:id/content', 'files.content'),
];

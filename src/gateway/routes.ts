/**
 * The route table: what is not here is refused. Adding a route is one row here and one test.
 * Every parameter of a path but `:model` is the id of an object, and must be one that the caller made.
 */

/** `json`: a JSON body; `multipart`: multipart/form-data; `either`: one of the two; `none`: no body. */
export type BodyKind = 'none' | 'json' | 'multipart' | 'either';

/** What calls use up, and quotas count. */
export const UNITS = ['videoSeconds', 'images', 'tokens', 'bytes'] as const;
export type Unit = (typeof UNITS)[number];

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly operation: string;
  readonly body: BodyKind;
  /** Where the call names its model; one that names none takes upstream's default, which the policy has to allow. */
  readonly model?: 'body' | 'path' | 'query';
  readonly units?: readonly Unit[];
  /** Where the ids of objects that the call makes stand in the answer, and of which kind each is. */
  readonly makes?: Readonly<Record<string, string>>;
  /** The call makes objects only when its body sets one of these fields. */
  readonly makesIf?: readonly string[];
  /** The answer is a list of all the account's objects of this kind; the caller sees the caller's own. */
  readonly lists?: string;
  /** The answer shows how far a job is (`status`), and so when its units are settled. */
  readonly job?: true;
  /** The clip is made out of another one: as long as that, or longer. */
  readonly derives?: 'same' | 'longer';
  /** Upstream forgets the object of the path. */
  readonly deletes?: true;
  /** A WebSocket (RFC 6455). */
  readonly socket?: true;
}

const get = (path: string, operation: string, more: Partial<Route> = {}): Route => ({
  ...{ method: 'GET', path: `/v1${path}`, operation, body: 'none' },
  ...more,
});
const post = (body: BodyKind, path: string, operation: string, more: Partial<Route> = {}): Route => ({
  ...{ method: 'POST', path: `/v1${path}`, operation, body },
  ...more,
});
const del = (path: string, operation: string, more: Partial<Route> = { deletes: true }): Route => ({
  ...{ method: 'DELETE', path: `/v1${path}`, operation, body: 'none' },
  ...more,
});

const TOKENS = { model: 'body', units: ['tokens'] } as const;
const IMAGES = { model: 'body', units: ['images'] } as const;
const VIDEO = { units: ['videoSeconds'], makes: { id: 'videos' }, job: true } as const;
const RESPONSE = { id: 'responses', 'output[].id': 'items', 'output[].container_id': 'containers' } as const;
const VS = '/vector_stores/:store';

/** GET routes serve HEAD too. */
export const ROUTES: readonly Route[] = [
  get('/models', 'models.list'),
  get('/models/:model', 'models.retrieve', { model: 'path' }),

  post('json', '/chat/completions', 'chat.completions.create', {
    ...TOKENS,
    makes: { id: 'chat.completions', 'choices[].message.audio.id': 'audio' },
    makesIf: ['store', 'audio'],
  }),
  get('/chat/completions', 'chat.completions.list', { lists: 'chat.completions' }),
  get('/chat/completions/:completion', 'chat.completions.retrieve'),
  post('json', '/chat/completions/:completion', 'chat.completions.update'),
  del('/chat/completions/:completion', 'chat.completions.delete'),
  get('/chat/completions/:completion/messages', 'chat.completions.messages.list'),

  post('json', '/responses', 'responses.create', { ...TOKENS, makes: RESPONSE, job: true }),
  get('/responses/:response', 'responses.retrieve', { makes: RESPONSE, job: true }),
  del('/responses/:response', 'responses.delete'),
  post('none', '/responses/:response/cancel', 'responses.cancel', { makes: RESPONSE, job: true }),
  get('/responses/:response/input_items', 'responses.input_items.list'),

  post('json', '/embeddings', 'embeddings.create', TOKENS),
  post('json', '/moderations', 'moderations.create', { model: 'body' }),

  post('json', '/images/generations', 'images.generate', IMAGES),
  post('either', '/images/edits', 'images.edit', IMAGES),
  post('multipart', '/images/variations', 'images.variation', IMAGES),

  post('json', '/audio/speech', 'audio.speech.create', TOKENS),
  post('multipart', '/audio/transcriptions', 'audio.transcriptions.create', TOKENS),
  post('multipart', '/audio/translations', 'audio.translations.create', TOKENS),
  get('/realtime', 'realtime.connect', { model: 'query', units: ['tokens'], socket: true }),

  post('either', '/videos', 'videos.create', { ...VIDEO, model: 'body' }),
  get('/videos', 'videos.list', { lists: 'videos', job: true }),
  post('either', '/videos/edits', 'videos.edit', { ...VIDEO, derives: 'same' }),
  post('either', '/videos/extensions', 'videos.extend', { ...VIDEO, derives: 'longer' }),
  post('multipart', '/videos/characters', 'videos.characters.create', { makes: { id: 'characters' } }),
  get('/videos/characters/:character', 'videos.characters.retrieve'),
  get('/videos/:video', 'videos.retrieve', { job: true }),
  del('/videos/:video', 'videos.delete'),
  post('either', '/videos/:video/remix', 'videos.remix', { ...VIDEO, derives: 'same' }),
  get('/videos/:video/content', 'videos.content', { units: ['bytes'] }),

  post('multipart', '/files', 'files.create', { units: ['bytes'], makes: { id: 'files' } }),
  get('/files', 'files.list', { lists: 'files' }),
  get('/files/:file', 'files.retrieve'),
  del('/files/:file', 'files.delete'),
  get('/files/:file/content', 'files.content', { units: ['bytes'] }),

  post('json', '/uploads', 'uploads.create', { makes: { id: 'uploads' } }),
  post('multipart', '/uploads/:upload/parts', 'uploads.parts.create', {
    units: ['bytes'],
    makes: { id: 'parts' },
  }),
  post('json', '/uploads/:upload/complete', 'uploads.complete', { makes: { 'file.id': 'files' } }),
  post('none', '/uploads/:upload/cancel', 'uploads.cancel'),

  post('json', '/vector_stores', 'vector_stores.create', { makes: { id: 'vector_stores' } }),
  get('/vector_stores', 'vector_stores.list', { lists: 'vector_stores' }),
  get(VS, 'vector_stores.retrieve'),
  post('json', VS, 'vector_stores.update'),
  del(VS, 'vector_stores.delete'),
  post('json', `${VS}/search`, 'vector_stores.search'),
  post('json', `${VS}/files`, 'vector_stores.files.create'),
  get(`${VS}/files`, 'vector_stores.files.list'),
  get(`${VS}/files/:file`, 'vector_stores.files.retrieve'),
  post('json', `${VS}/files/:file`, 'vector_stores.files.update'),
  // The file stays; it only leaves the store.
  del(`${VS}/files/:file`, 'vector_stores.files.delete', {}),
  get(`${VS}/files/:file/content`, 'vector_stores.files.content'),
  post('json', `${VS}/file_batches`, 'vector_stores.file_batches.create', { makes: { id: 'file_batches' } }),
  get(`${VS}/file_batches/:batch`, 'vector_stores.file_batches.retrieve'),
  post('none', `${VS}/file_batches/:batch/cancel`, 'vector_stores.file_batches.cancel'),
  get(`${VS}/file_batches/:batch/files`, 'vector_stores.file_batches.files.list'),
];

/** Every operation that there is. */
export const OPERATIONS: readonly string[] = [...new Set(ROUTES.map(({ operation }) => operation))];

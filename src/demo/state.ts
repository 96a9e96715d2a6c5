/** Everything one running simulator remembers; all of it is in memory and bounded. */
import type { Hono } from 'hono';
import type { Fields } from './body.ts';
import { createRenderer, type Renderer } from './picture/renderer.ts';
import { createStore, type Store, type Stored } from './store.ts';
import type { Reply } from './text.ts';

const MIB = 1024 * 1024;
const MOST_FILE_BYTES_HELD = 512 * MIB;
const MOST_TEXT_BYTES_HELD = 64 * MIB;

export type Metadata = Record<string, string>;

export type VideoJob = {
  id: string;
  model: string;
  prompt: string;
  seconds: number;
  size: string;
  createdAtMs: number;
  remixedFrom: string | null;
};

export type Character = { id: string; created_at: number; name: string };

export type StoredFile = {
  id: string;
  filename: string;
  purpose: string;
  createdAtSeconds: number;
  type: string;
  bytes: Uint8Array;
};

export type StoredChat = {
  id: string;
  model: string;
  metadata: Metadata;
  completion: Fields;
  messages: unknown[];
};

export type StoredResponse = {
  id: string;
  model: string;
  createdAtMs: number;
  /** When the answer is whole; a stream or a background run takes its time. */
  doneAtMs: number;
  background: boolean;
  cancelled: boolean;
  previousId: string | null;
  metadata: Metadata;
  instructions: string | null;
  stored: boolean;
  reply: Reply;
  inputItems: (Fields & Stored)[];
  inputTokens: number;
};

export type Upload = {
  id: string;
  createdAtSeconds: number;
  filename: string;
  bytes: number;
  type: string;
  purpose: string;
  status: 'pending' | 'completed' | 'cancelled';
};

export type UploadPart = { id: string; uploadId: string; bytes: Uint8Array };

/** A file's place in a vector store; its id is the file's own. */
export type VectorFile = { id: string; created_at: number; attributes: Fields };

export type VectorBatch = { id: string; created_at: number; fileIds: string[] };

export type VectorStore = {
  id: string;
  name: string;
  createdAtSeconds: number;
  metadata: Metadata;
  files: Store<VectorFile>;
  batches: Store<VectorBatch>;
};

export type DemoState = {
  renderer: Renderer;
  videos: Store<VideoJob>;
  characters: Store<Character>;
  files: Store<StoredFile>;
  chats: Store<StoredChat>;
  responses: Store<StoredResponse>;
  uploads: Store<Upload>;
  uploadParts: Store<UploadPart>;
  vectorStores: Store<VectorStore>;
};

/** Adds one resource's routes. */
export type Routes = (app: Hono, state: DemoState) => void;

export function createState(): DemoState {
  return {
    renderer: createRenderer(),
    videos: createStore<VideoJob>('Video'),
    characters: createStore<Character>('Character'),
    files: createStore<StoredFile>('File', {
      bytesOf: (file) => file.bytes.length,
      mostBytes: MOST_FILE_BYTES_HELD,
    }),
    chats: createStore<StoredChat>('Chat completion', {
      bytesOf: (chat) => JSON.stringify(chat.messages).length,
      mostBytes: MOST_TEXT_BYTES_HELD,
    }),
    responses: createStore<StoredResponse>('Response', {
      bytesOf: (response) => JSON.stringify(response.inputItems).length,
      mostBytes: MOST_TEXT_BYTES_HELD,
    }),
    uploads: createStore<Upload>('Upload'),
    uploadParts: createStore<UploadPart>('Part', {
      bytesOf: (part) => part.bytes.length,
      mostBytes: MOST_FILE_BYTES_HELD,
    }),
    vectorStores: createStore<VectorStore>('Vector store'),
  };
}

/** Files that come with a finding: few kinds, bounded, each known by its first bytes, and only ever handed out as downloads. */
import { and, eq, sum } from 'drizzle-orm';
import { harmless } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import { attachments } from '../store/schema.ts';
import type { Portal, Visitor } from './portal.ts';

export interface Attachment {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A file as it will be kept. */
export interface Accepted extends Omit<Attachment, 'id'> {
  readonly data: Buffer;
}

const MIB = 1024 * 1024;
export const MOST_FILES = 4;
const MOST_BYTES = 5 * MIB;
/** Of all attachments of one tester. */
const MOST_BYTES_IN_ALL = 200 * MIB;
/** Files and the fields around them. */
export const UPLOAD_BYTES = MOST_FILES * MOST_BYTES + 256 * 1024;

/** How files of each kind begin. */
const BEGINS: Readonly<Record<string, (head: string) => boolean>> = {
  'image/png': (head) => head.startsWith('\x89PNG\r\n\x1a\n'),
  'image/jpeg': (head) => head.startsWith('\xff\xd8\xff'),
  'image/gif': (head) => /^GIF8[79]a/.test(head),
  'image/webp': (head) => /^RIFF[\s\S]{4}WEBP/.test(head),
  'video/mp4': (head) => head.slice(4, 8) === 'ftyp',
  'video/webm': (head) => head.startsWith('\x1aE\xdf\xa3'),
  'application/pdf': (head) => head.startsWith('%PDF-'),
  'application/json': () => true,
  'text/plain': () => true,
};
const TEXTS: ReadonlySet<string> = new Set(['application/json', 'text/plain']);
export const ACCEPT = Object.keys(BEGINS).join(',');

/** @throws Refusal for what is no attachment */
export async function accept(files: readonly File[], { newDigest }: Portal): Promise<Accepted[]> {
  if (files.length > MOST_FILES)
    throw new Refusal('body_too_large', 'attachments', { message: `At most ${MOST_FILES} files.` });
  return Promise.all(
    files.map(async (file) => {
      if (file.size > MOST_BYTES)
        throw new Refusal('body_too_large', 'an attachment', {
          message: `At most ${MOST_BYTES / MIB} MiB a file.`,
        });
      const data = Buffer.from(await file.arrayBuffer());
      const type = typeOf(file, data);
      const digest = newDigest();
      digest.update(data);
      return { name: plainName(file.name), type, bytes: data.length, sha256: digest.hex(), data };
    }),
  );
}

function typeOf({ type }: File, data: Buffer): string {
  const said = type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const fits = Object.hasOwn(BEGINS, said) && BEGINS[said]?.(data.toString('latin1', 0, 16));
  if (fits && (!TEXTS.has(said) || isText(data))) return said;
  throw new Refusal('media_type_unsupported', 'an attachment', {
    message: 'Attach PNG, JPEG, GIF, WebP, MP4, WebM, PDF, plain text or JSON.',
  });
}

function isText(data: Buffer): boolean {
  if (data.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(data);
    return true;
  } catch {
    return false;
  }
}

/** Without a path, and nothing that a file system or a header would take for more than a name. */
function plainName(name: string): string {
  const last = harmless(name).split(/[/\\]/).at(-1) ?? '';
  const plain = last
    .replaceAll(/["<>|:*?\u{fffd}]/gu, '_')
    .trim()
    .slice(-120);
  return /^\.*$/.test(plain) ? 'attachment' : plain;
}

/** Runs inside a writer's job. The refusal where the tester's room is used up. */
export function filesRoom(
  { writer }: Portal,
  { tester }: Visitor,
  files: readonly Accepted[],
): Refusal | null {
  const held = writer.select({ n: sum(attachments.bytes) }).from(attachments);
  const used = Number(held.where(eq(attachments.tester, tester)).get()?.n ?? 0);
  const more = files.reduce((total, { bytes }) => total + bytes, 0);
  return more > 0 && used + more > MOST_BYTES_IN_ALL
    ? new Refusal('storage_full', `${used} bytes kept`)
    : null;
}

/** Runs inside a writer's job. */
export function keep(
  { writer }: Portal,
  { tester }: Visitor,
  finding: number,
  files: readonly Accepted[],
): Attachment[] {
  return files.map((file) => {
    const row = { finding, tester, ...file };
    const { id } = writer.insert(attachments).values(row).returning({ id: attachments.id }).get();
    const { name, type, bytes, sha256 } = file;
    return { id, name, type, bytes, sha256 };
  });
}

/** @throws Refusal as if it did not exist, for another tester's too */
export function readAttachment({ reader }: Portal, { tester }: Visitor, finding: number, id: number) {
  const own = and(eq(attachments.id, id), eq(attachments.finding, finding), eq(attachments.tester, tester));
  const row = reader.select().from(attachments).where(own).get();
  if (!row) throw new Refusal('object_unknown', 'no attachment of this tester');
  return row;
}

/** Headers of a file that a stranger made: saved, never shown. */
export function downloadHeaders({ name, type }: Pick<Attachment, 'name' | 'type'>): Record<string, string> {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const full = encodeURIComponent(name).replaceAll(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return {
    'content-type': type,
    'content-disposition': `attachment; filename="${ascii}"; filename*=UTF-8''${full}`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
  };
}

/** `portcullis trace`: whose clip is this? */
import type { Command } from 'commander';

interface Traced {
  readonly sha256: string;
  readonly bytes: number;
  readonly c2pa: boolean | null;
  readonly frames: string;
  readonly candidates: readonly {
    readonly object: string;
    readonly tester: string;
    readonly request: string | null;
    readonly at: string;
    readonly exact: boolean;
    readonly distance: number;
  }[];
  readonly calls: readonly { readonly id: string; readonly at: string; readonly tester: string | null }[];
}

const HELP = `
By its very bytes first, else by what its frames look like: encoding it again, scaling and small crops change little. The distance is
how many bits of 64 differ; 0 to 4 is the same clip, nearly always; from 8 on it may be one that looks like it.

Example:
  portcullis trace ./found-on-the-web.mp4
  portcullis trace --code ABCD34?W`;

export function addTrace(program: Command): void {
  program
    .command('trace')
    .description('whose clip is this? Looks at a file, and keeps none of it')
    .argument('[file]', 'a clip or a picture')
    .option(
      '--code <code>',
      'the code that stands in its picture, or its beginning; "?" for what cannot be read',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(trace);
}

interface Options {
  readonly code?: string;
  readonly json?: boolean;
}

async function trace(file: string | undefined, { code, json = false }: Options): Promise<void> {
  const { Usage } = await import('./exit.ts');
  if (file !== undefined && code === undefined) return traceFile(file, json);
  if (file === undefined && code !== undefined) return traceCode(code, json);
  throw new Usage('give one of a file and --code.');
}

async function traceFile(file: string, json: boolean): Promise<void> {
  const { open } = await import('node:fs/promises');
  const { Readable } = await import('node:stream');
  const { upload } = await import('./connection.ts');
  const { Usage } = await import('./exit.ts');
  const { digits, out, outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const opened = await open(file).catch((fault: { code?: string }) => {
    throw new Usage(`cannot read ${file} (${fault.code}).`);
  });
  const body = Readable.toWeb(opened.createReadStream()) as ReadableStream;
  const told = (await (await upload(process.env, '/admin/trace', body)).json()) as Traced;
  if (json) return outJson(told);
  out(`SHA-256  ${told.sha256}, ${digits(told.bytes)} bytes`);
  out(
    `C2PA     ${told.c2pa === null ? 'not looked for in such a file' : told.c2pa ? 'a manifest is there' : 'no manifest'}`,
  );
  out(`frames   ${FRAMES[told.frames] ?? plain(told.frames)}`);
  outTable(
    ['OBJECT', 'TESTER', 'DISTANCE', 'MADE', 'CALL'],
    told.candidates.map((one) => [
      ...[plain(one.object), plain(one.tester), one.exact ? 'exact' : String(one.distance)],
      ...[time(one.at), plain(one.request)],
    ]),
    'No clip that this gate knows.',
  );
  for (const call of told.calls) out(`given to ${plain(call.tester)} by call ${call.id}, ${time(call.at)}`);
}

async function traceCode(code: string, json: boolean): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  // "?" would end the path, whatever the client makes of it.
  const param = { code: encodeURIComponent(code) };
  const { marks } = await done(connect(process.env).trace.codes[':code'].$get({ param }));
  if (json) return outJson(marks);
  outTable(
    ['CODE', 'TESTER', 'OBJECT', 'DOWNLOADED', 'CALL'],
    marks.map((one) => [
      ...[plain(one.code), plain(one.tester), plain(one.object)],
      ...[time(one.at), plain(one.request)],
    ]),
    'No download of this gate has such a code.',
  );
}

const FRAMES: Readonly<Record<string, string>> = {
  compared: 'compared',
  unreadable: 'could not be read: only the very bytes were looked for',
  'nothing-in-them': 'nothing in them to know them by',
  off: 'not compared: ffmpeg is not installed where the gate runs',
};

/** What a person sees when the gate has started. */
import { styleText } from 'node:util';

export interface Started {
  readonly gateway: string;
  readonly control: string;
  readonly dataDir: string;
  /** Null for the demo upstream. */
  readonly upstream: string | null;
  /** A demo token made just now: shown once. */
  readonly token: string | null;
  /** A one-time link of the first operator, made just now: shown once. */
  readonly link: string | null;
  /** Rows that a crash had left open. */
  readonly lost: number;
  /** What the operators should know, each a sentence. */
  readonly notes: readonly string[];
}

const CLI = 'npm run -s portcullis --';

export function banner(started: Started): string {
  const { gateway, control, dataDir, upstream, token } = started;
  const lines = [
    '',
    `  ${bold('Portcullis')} is up.`,
    '',
    `  ${label('Testers call')}${gateway}/v1`,
    `  ${label('Operators use')}${control}`,
    `  ${label('Upstream')}${upstream ?? 'the demo: a simulator of the OpenAI API, in a process of its own'}`,
    `  ${label('Data')}${dataDir}`,
    '',
  ];
  if (started.lost > 0)
    lines.push(`  ${started.lost} calls were cut off by the last crash; their rows now say "lost".`, '');
  for (const note of started.notes) lines.push(`  ${note}`, '');
  if (token !== null) lines.push(...firstSteps(gateway, token));
  lines.push(...consoleLines(control, started.link));
  lines.push(
    heading('Stop everybody, now'),
    `    ${CLI} kill`,
    `    ${CLI} resume --reason "it is over"`,
    heading('See who called'),
    `    ${CLI} log --follow`,
    '',
  );
  return lines.join('\n');
}

/** By name, where it listens on this machine only: browsers make passkeys for names. */
function consoleLines(control: string, link: string | null): string[] {
  const base = `${control.replace(/\/\/(?:127\.0\.0\.1|\[::1\])(?=:)/, '//localhost')}/console`;
  if (link === null)
    return [heading('The console'), `    ${base}`, `    ${CLI} operator link    to sign in`, ''];
  return [
    `${heading('The console: your link to sign in')} ${dim('(good once, for an hour)')}`,
    `    ${base}/sign-in#${link}`,
    '',
  ];
}

function firstSteps(gateway: string, token: string): string[] {
  return [
    `${heading('The token of the tester "ada"')} ${dim('(shown once)')}`,
    `    export TOKEN=${token}`,
    '',
    heading('Call through the gate'),
    `    curl ${gateway}/v1/chat/completions \\`,
    `      -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\`,
    `      -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'`,
    '',
    heading('Or with the OpenAI SDK, unchanged'),
    `    import OpenAI from 'openai';`,
    `    const client = new OpenAI({ baseURL: '${gateway}/v1', apiKey: process.env.TOKEN });`,
    `    const video = await client.videos.create({ model: 'sora-2', prompt: 'A heron at dawn', seconds: '4' });`,
    '    console.log(await client.videos.retrieve(video.id));',
    '',
  ];
}

const bold = (text: string) => styleText('bold', text, { stream: process.stdout });
const dim = (text: string) => styleText('dim', text, { stream: process.stdout });
const heading = (text: string) => `  ${bold(text)}`;
const label = (text: string) => dim(text.padEnd(16));

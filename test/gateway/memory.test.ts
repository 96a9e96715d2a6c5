/** However much passes, and however slowly it is read, the gate's memory stays flat. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sleep, startUpstream } from '../with-gate.ts';
import { admin, end, firstTester, startProcess } from '../with-process.ts';

const MIB = 1_048_576;
const DOWNLOAD_MIB = 1_024;
/** Below the slots that a tester has without a configuration. */
const READERS = 6;

function residentMib(pid = 0): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

test('a download of a gigabyte, and slow readers of many more, are passed on in flat memory', async () => {
  const block = Buffer.alloc(MIB);
  const upstream = await startUpstream((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'video/mp4', 'content-length': DOWNLOAD_MIB * MIB });
    let left = DOWNLOAD_MIB;
    const more = () => {
      while (left-- > 0) if (!outgoing.write(block)) return void outgoing.once('drain', more);
      outgoing.end();
    };
    more();
  });
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-memory-'));
  const gate = await startProcess(dir, upstream.url);
  const token = await firstTester(dir, gate.control);
  await admin(dir, gate.control, 'objects/give', { to: 'ada', ids: ['video_1'] });
  const url = `${gate.gateway}/v1/videos/video_1/content`;
  const headers = { authorization: `Bearer ${token}` };
  let most = 0;
  let bytes = 0;
  const before = residentMib(gate.child.pid);
  const watch = setInterval(() => {
    most = Math.max(most, residentMib(gate.child.pid));
  }, 20);

  const slow = Array.from({ length: READERS }, () => get(url, { headers }, (answer) => answer.pause()));
  for (const one of slow) one.on('error', () => {});
  await sleep(300);
  for await (const chunk of (await fetch(url, { headers })).body ?? []) bytes += chunk.length;
  clearInterval(watch);
  for (const one of slow) one.destroy();
  await end(gate);
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
  expect(bytes).toBe(DOWNLOAD_MIB * MIB);
  expect(most - before).toBeLessThan(150);
}, 60_000);

/** What is exported as lines goes to standard output as it comes. */
import { Usage } from './exit.ts';

/** @param path of the admin API */
export async function exportLines(path: string, format: string): Promise<void> {
  if (format !== 'jsonl' && format !== 'csv') throw new Usage('--format: use jsonl or csv');
  const { download } = await import('./connection.ts');
  const answer = await download(process.env, `${path}?format=${format}`);
  for await (const chunk of answer.body ?? []) process.stdout.write(chunk);
}

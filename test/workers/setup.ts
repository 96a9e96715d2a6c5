/** Before each file of the project: what it holds for Node alone is left out, by the list, and the list is kept true. */
import { relative } from 'node:path';
import { afterAll, beforeEach, expect, type TestContext } from 'vitest';
import { ONLY_ON_NODE } from './shared.ts';

const path = relative(process.cwd(), expect.getState().testPath ?? '');
const listed: Readonly<Record<string, string>> = ONLY_ON_NODE[path] ?? {};
let file: TestContext['task']['file'] | undefined;

/** A case's own name, or the beginning that it shares with others. */
const reasonFor = (name: string) => Object.entries(listed).find(([beginning]) => name.startsWith(beginning));

beforeEach(({ task, skip }) => {
  file = task.file;
  const [, why] = reasonFor(task.name) ?? [];
  skip(why !== undefined, why);
});

afterAll(() => {
  const names = file ? namesIn(file.tasks) : null;
  for (const beginning of Object.keys(listed))
    if (names?.every((name) => !name.startsWith(beginning)))
      throw new Error(`${path}: there is no case "${beginning}" (test/workers/shared.ts)`);
});

interface Task {
  readonly name: string;
  readonly tasks?: readonly Task[];
}
function namesIn(tasks: readonly Task[]): string[] {
  return tasks.flatMap((one) => (one.tasks ? namesIn(one.tasks) : [one.name]));
}

/** `portcullis object`: whose an object at upstream is, and handing it over. */
import type { Command } from 'commander';

interface Json {
  readonly json?: boolean;
}

interface Giving extends Json {
  readonly to: string;
  readonly allOf?: string;
  readonly reason?: string;
}

export function addObject(program: Command): void {
  const object = program.command('object').description('show whose an object is, and hand objects over');
  object
    .command('show')
    .description('show whose an object is')
    .argument('<id>', 'the id that upstream gave: video_…, file-…')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis object show video_68f2c1')
    .action(show);
  object
    .command('list')
    .description('list objects, by id')
    .option('--tester <id>', 'of this tester only')
    .option('--kind <kind>', 'of this kind only: videos, files, responses, …')
    .option('--limit <n>', 'at most so many', '100')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis object list --tester ada --kind videos')
    .action(list);
  object
    .command('give')
    .description('hand objects over to another tester; ids unknown to the gate are entered')
    .argument('[ids...]', 'the objects')
    .requiredOption('--to <tester>', 'whose they are from now on')
    .option('--all-of <tester>', 'all objects of this tester, in place of ids')
    .option('--reason <text>', 'for the record')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  portcullis object give video_68f2c1 --to grace\n  portcullis object give --all-of ada --to grace',
    )
    .action(give);
}

async function show(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plain, time } = await import('./print.ts');
  const object = await done(connect(process.env).objects[':id'].$get({ param: { id } }));
  if (json) return outJson(object);
  out(`object   ${plain(object.id)}`);
  out(`tester   ${plain(object.tester)}`);
  out(`kind     ${plain(object.kind)}`);
  if (object.seconds !== null) out(`seconds  ${object.seconds}`);
  out(`made by  ${object.request === null ? 'entered by an operator' : `call ${object.request}`}`);
  out(`since    ${time(object.at)}`);
  if (object.deletedAt !== null) out(`deleted  ${time(object.deletedAt)}`);
}

async function list(options: Json & { tester?: string; kind?: string; limit: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outTable } = await import('./table.ts');
  const { out, outJson, plain, time } = await import('./print.ts');
  const { json, ...query } = options;
  const { objects, next } = await done(connect(process.env).objects.$get({ query }));
  if (json) return outJson(objects);
  outTable(
    ['OBJECT', 'TESTER', 'KIND', 'SINCE', 'DELETED'],
    objects.map((one) => [
      plain(one.id),
      plain(one.tester),
      plain(one.kind),
      time(one.at),
      one.deletedAt ? time(one.deletedAt) : '–',
    ]),
    'No objects yet: they come with the first answers that hold ids.',
  );
  if (next !== null) out(`More follow: use --tester, --kind or a higher --limit.`);
}

async function give(ids: string[], { json, to, allOf, reason }: Giving): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson } = await import('./print.ts');
  const { Usage } = await import('./exit.ts');
  if (ids.length > 0 === (allOf !== undefined)) throw new Usage('name objects, or --all-of a tester.');
  const which = allOf === undefined ? { ids } : { from: allOf };
  const given = await done(connect(process.env).objects.give.$post({ json: { to, reason, ...which } }));
  if (json) return outJson(given);
  const all = given.moved + given.entered;
  out(`${digits(all)} ${all === 1 ? 'object is' : 'objects are'} now ${to}'s.`);
  if (given.entered > 0) out(`Unknown to the gate until now: ${digits(given.entered)}.`);
}

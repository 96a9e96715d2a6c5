/** The walls of the house: who may import whom. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const files = globSync('src/**/*.{ts,tsx}').filter(
  (file) => !file.endsWith('.d.ts') && !file.startsWith('src/demo/'),
);
const imports = files.flatMap((file) =>
  ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles.map(({ fileName }) => ({
    file,
    target: fileName.startsWith('.') ? normalize(join(dirname(file), fileName)) : fileName,
  })),
);
const broken = (rule: (file: string, target: string) => boolean) =>
  imports.filter(({ file, target }) => rule(file, target)).map(({ file, target }) => `${file} → ${target}`);

test('there is something to look at', () => expect(imports.length).toBeGreaterThan(100));

test('node: stays in the entry, the CLI and files that say so', () =>
  expect(
    broken((file, target) => target.startsWith('node:') && !/^src\/(node\.ts|cli\/)|\.node\.ts$/.test(file)),
  ).toEqual([]));

test('cloudflare: and what only Workers have stay in files that say so', () =>
  expect(
    broken(
      (file, target) =>
        /^cloudflare:|\.worker\.ts$/.test(target) && !/^src\/worker\.ts$|\.worker\.ts$/.test(file),
    ),
  ).toEqual([]));

test('the gateway never imports the admin side', () =>
  expect(
    broken(
      (file, target) => file.startsWith('src/gateway/') && /^src\/(admin|cli|console|portal)/.test(target),
    ),
  ).toEqual([]));

test('the portal is for testers: it knows nothing of the operators’ side', () =>
  expect(
    broken((file, target) => file.startsWith('src/portal/') && /^src\/(admin|cli|console)\//.test(target)),
  ).toEqual([]));

test('the CLI reaches the rest through the admin client only', () =>
  expect(
    broken(
      (file, target) =>
        file.startsWith('src/cli/') &&
        target.startsWith('src/') &&
        !/^src\/(cli\/|admin\/client\.ts|node\.ts|admission\/scope\.ts|control\.ts|printable\.ts|policy\/|gateway\/routes\.ts|store\/states\.ts|log\/offline\.node\.ts|log\/verify\.ts|node\/(backup|parent)\.node\.ts)/.test(
          target,
        ),
    ),
  ).toEqual([]));

test('the console reaches the rest through the admin client only', () =>
  expect(
    broken(
      (file, target) =>
        file.startsWith('src/console/') &&
        target.startsWith('src/') &&
        !/^src\/(console\/|admin\/client\.ts)/.test(target),
    ),
  ).toEqual([]));

test('policy is pure: it imports nothing of the house', () =>
  expect(
    broken(
      (file, target) =>
        file.startsWith('src/policy/') && target.startsWith('src/') && !target.startsWith('src/policy/'),
    ),
  ).toEqual([]));

/** Everything that a module loads before its first line runs. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  for (const one of source.statements) {
    if (!ts.isImportDeclaration(one) || one.importClause?.isTypeOnly) continue;
    const name = (one.moduleSpecifier as ts.StringLiteral).text;
    const target = name.startsWith('.') ? normalize(join(dirname(file), name)) : name;
    if (seen.has(target)) continue;
    seen.add(target);
    if (name.startsWith('.') && target.endsWith('.ts')) loadedBy(target, seen);
  }
  return seen;
}

test('the command line starts with what parses it and what asks the server: a kill waits for nothing else', () => {
  const packages = [...loadedBy('src/cli/program.ts')].filter((one) => !/^(?:src\/|node:)/.test(one));
  expect(packages.toSorted()).toEqual(['commander', 'hono/client']);
});

test('the store knows nobody above it', () =>
  expect(
    broken(
      (file, target) =>
        file.startsWith('src/store/') && target.startsWith('src/') && !target.startsWith('src/store/'),
    ),
  ).toEqual([]));

test('outputs know the store and the ports, and nobody above them', () =>
  expect(
    broken(
      (file, target) =>
        file.startsWith('src/outputs/') &&
        /^src\/(gateway|admission|admin|cli|console|portal)\//.test(target),
    ),
  ).toEqual([]));

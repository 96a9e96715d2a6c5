/** What we are built of: every package from the npm registry, with its hash, under a licence that we may use. No network. */
import { readFileSync } from 'node:fs';

interface Locked {
  /** Of an alias: the package that is installed under another name. */
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  /** True when only what we develop with needs it: it is never shipped. */
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}
/** What npm takes packages from: a manifest, and the root of the lock. */
interface Wanted {
  readonly [group: string]: Record<string, string> | undefined;
}

const LICENCES =
  /^(?:MIT|MIT-0|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|MPL-2\.0|CC0-1\.0|CC-BY-4\.0|Python-2\.0|Unlicense|Zlib)$/;
/** What miniflare resizes pictures with: never shipped, and nothing of ours is linked with it. */
const LGPL_TOOLS = /^@img\/sharp-(?:libvips-)?[a-z0-9]+(?:-[a-z0-9]+)?$/;
/** Packages that may run code while they are installed: a native module, and binaries that are tools. */
const INSTALLS: ReadonlySet<string> = new Set(['better-sqlite3', 'esbuild', 'node', 'workerd']);
const REGISTRY = 'https://registry.npmjs.org/';
const GROUPS = ['dependencies', 'devDependencies'];
/** Other ways to the same end, which nothing here looks at. */
const UNUSED = ['optionalDependencies', 'peerDependencies', 'bundleDependencies', 'overrides', 'workspaces'];
const VERSION = /^(?:npm:[\w@/-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const EXACT = /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/;
const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/;

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Wanted;
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Locked>;
};

const faults = [...loose(), ...Object.entries(packages).flatMap(([path, one]) => faultsOf(path, one))];
for (const fault of faults) console.error(`supply: ${fault}`);
console.log(`${Object.keys(packages).length - 1} packages, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);

function loose(): string[] {
  const root = (packages[''] ?? {}) as Wanted;
  const unused = UNUSED.filter((group) => manifest[group] !== undefined);
  return [
    ...unused.map((group) => `package.json: "${group}" is not looked at; do without it`),
    ...GROUPS.flatMap((group) =>
      Object.entries(manifest[group] ?? {}).flatMap(([name, version]) => [
        ...(VERSION.test(version) ? [] : [`package.json: ${name} is "${version}"; name one version exactly`]),
        ...(root[group]?.[name] === version ? [] : [`package-lock.json: ${name} is not "${version}"`]),
        ...(locks(name, version) ? [] : [`node_modules/${name} is not locked as "${version}"`]),
      ]),
    ),
  ];
}

/** True when what is locked under this name is the version, and the package, that the manifest names. */
function locks(name: string, version: string): boolean {
  const one = packages[`node_modules/${name}`];
  return one?.version === version.replace(/^npm:.*@/, '') && (one.name ?? name) === packageOf(name, version);
}

function packageOf(name: string, version = ''): string {
  return /^npm:(.+)@/.exec(version)?.[1] ?? name;
}

function faultsOf(path: string, one: Locked): string[] {
  if (path === '') return [];
  const name = path.replace(/^.*node_modules\//, '');
  const faults: string[] = [];
  if (!isFromRegistry(name, one)) faults.push('does not come from the npm registry');
  if (one.name !== undefined && one.name !== aliased(path, name))
    faults.push(`is "${one.name}" under another name`);
  if (!SHA512.test(one.integrity ?? '')) faults.push('has no SHA-512');
  if (!licensed(one, name)) faults.push(`has the licence "${one.license}"`);
  if (one.hasInstallScript && !INSTALLS.has(name)) faults.push('runs a script when it is installed');
  return faults.map((fault) => `${path} ${fault}`);
}

/** Without an address it is the registry's package of that name and version; with one, the address must say the same. */
function isFromRegistry(name: string, { resolved, version, link, name: own = name }: Locked): boolean {
  if (link || !EXACT.test(version ?? '')) return false;
  const file = `${own}/-/${own.replace(/^@[^/]*\//, '')}-${version}.tgz`;
  return resolved === undefined || resolved === REGISTRY + file;
}

/** The package that the manifest itself installs under this name; nobody else may. */
function aliased(path: string, name: string): string {
  const [version] = GROUPS.flatMap((group) => manifest[group]?.[name] ?? []);
  return path === `node_modules/${name}` ? packageOf(name, version) : name;
}

/** An SPDX expression holds when one of its choices does. */
function licensed({ license = '', dev }: Locked, name: string): boolean {
  const isTool = dev === true && LGPL_TOOLS.test(name);
  const may = (one: string) => LICENCES.test(one) || (isTool && one === 'LGPL-3.0-or-later');
  return license
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => may(one.trim())));
}

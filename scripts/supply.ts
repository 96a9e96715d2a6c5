/** What we are built of: every package from the npm registry, with its hash, under a licence that we may use. No network. */
import { readFileSync } from 'node:fs';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const LICENCES =
  /^(?:MIT|MIT-0|ISC|0BSD|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|MPL-2\.0|CC0-1\.0|CC-BY-4\.0|Python-2\.0|Unlicense|Zlib)$/;
/** Packages that may run code while they are installed: a native module, and binaries that are tools. */
const INSTALLS: ReadonlySet<string> = new Set([
  'better-sqlite3',
  'esbuild',
  'node',
  'fsevents',
  'openai',
  'openai6',
]);
const REGISTRY = 'https://registry.npmjs.org/';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Locked>;
};

const faults = [...loose(), ...Object.entries(packages).flatMap(([path, one]) => faultsOf(path, one))];
for (const fault of faults) console.error(`supply: ${fault}`);
console.log(`${Object.keys(packages).length - 1} packages, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);

function loose(): string[] {
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([, version]) => !/^(?:npm:[\w@/-]+@)?\d+\.\d+\.\d+$/.test(String(version)))
    .map(([name, version]) => `package.json: ${name} is "${version}"; name one version exactly`);
}

function faultsOf(path: string, one: Locked): string[] {
  if (path === '') return [];
  const name = path.replace(/^.*node_modules\//, '');
  const faults: string[] = [];
  // Without an address it is the registry's package of that name and version.
  if ((one.resolved !== undefined && !one.resolved.startsWith(REGISTRY)) || one.link)
    faults.push('does not come from the npm registry');
  if (!one.integrity?.startsWith('sha512-')) faults.push('has no SHA-512');
  if (!licensed(one.license)) faults.push(`has the licence "${one.license}"`);
  if (one.hasInstallScript && !INSTALLS.has(name)) faults.push('runs a script when it is installed');
  return faults.map((fault) => `${path} ${fault}`);
}

/** An SPDX expression holds when one of its choices does. */
function licensed(licence = ''): boolean {
  return licence
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => LICENCES.test(one.trim())));
}

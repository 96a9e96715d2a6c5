/** The schema's migrations, and the console's files, as the bundler puts them in. */
import type { Asset } from '../console/assets.ts';
import type { Migration } from '../store/durable.worker.ts';

declare const MIGRATIONS: readonly Migration[];
declare const ASSETS: readonly (readonly [name: string, asset: Asset])[];

export const MIGRATED: readonly Migration[] = MIGRATIONS;
export const CONSOLE_ASSETS: ReadonlyMap<string, Asset> = new Map(ASSETS);

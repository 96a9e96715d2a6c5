/**
 * The tables: one Drizzle schema for every SQLite that Portcullis runs on. All times are Unix milliseconds.
 * The migration makes those with a text key WITHOUT ROWID, which Drizzle cannot say: one B-tree to a row, not two.
 */

export * from './schema/gate.ts';
export * from './schema/log.ts';
export * from './schema/operators.ts';
export * from './schema/outputs.ts';
export * from './schema/portal.ts';
export * from './schema/programme.ts';
export * from './schema/stops.ts';

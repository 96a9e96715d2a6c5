/** The connections to databases that this process opens, so that a test can let them fail. */
import Database from 'better-sqlite3';

export interface Connections {
  /** Those that write to files under this directory. */
  writers(dir: string): Database.Database[];
  restore(): void;
}

export function watchConnections(): Connections {
  const seen = new Set<Database.Database>();
  const { pragma } = Database.prototype;
  // Every connection of the gate is set up by pragmas.
  Database.prototype.pragma = function (this: Database.Database, ...args: Parameters<typeof pragma>) {
    seen.add(this);
    return pragma.apply(this, args);
  };
  return {
    writers: (dir) =>
      [...seen].filter(
        (one) =>
          one.open && one.name.startsWith(dir) && pragma.call(one, 'query_only', { simple: true }) === 0,
      ),
    restore() {
      Database.prototype.pragma = pragma;
    },
  };
}

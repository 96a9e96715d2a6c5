import { sql } from 'drizzle-orm';

/** As the store's own clock says it: rows that somebody writes by hand have their time too. Unix milliseconds. */
export const nowMs = sql`(cast(unixepoch('subsec') * 1000 as integer))`;

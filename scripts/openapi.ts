/** Writes docs/openapi.json: the admin API as it is, for those who want to read it without a server. */
import { writeFileSync } from 'node:fs';
import { openApiText } from './openapi-text.ts';

writeFileSync(new URL('../docs/openapi.json', import.meta.url), await openApiText());

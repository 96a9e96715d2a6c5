/** The description of the admin API, as the server gives it. */
import { createAdmin } from '../src/admin/app.ts';

export async function openApiText(): Promise<string> {
  // Describing the routes asks nothing of the gate behind them.
  const app = createAdmin({} as never);
  const answer = await app.request('http://localhost/admin/openapi.json');
  return `${JSON.stringify(await answer.json(), null, 2)}\n`;
}

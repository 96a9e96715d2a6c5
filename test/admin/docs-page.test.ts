/** The page of the admin API: all of it, for anybody, and nothing from elsewhere. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Admin, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

test('it shows every route of the description, with an example', async () => {
  const { paths } = (await (await admin.app.request('/admin/openapi.json')).json()) as { paths: object };
  const page = await (await admin.app.request('/admin/docs')).text();
  for (const path of Object.keys(paths)) expect(page).toContain(`<code>${path}</code>`);
  expect(page.match(/curl -s/g)?.length).toBe(page.match(/<details/g)?.length);
});

test('it runs no script, loads nothing but its own style, and is framed by nobody', async () => {
  const answer = await admin.app.request('/admin/docs');
  expect(answer.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'self';.*frame-ancestors 'none'/,
  );
  const page = await answer.text();
  expect(page).not.toMatch(/<script|style=|https?:\/\/(?!127\.0\.0\.1)/);
  const style = await admin.app.request('/admin/docs.css');
  expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
});

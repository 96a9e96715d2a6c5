/** Operators, and one's own ways to sign in: passkeys, credentials, sessions. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { badge, type Cell, digits, empty, options, panel, plural, table, time } from './parts.ts';
import { secretPage } from './secret.ts';
import { type ConsoleEnv, may, mustBeAllowed, type Page, told } from './session.ts';
import { settingsNav } from './settings.ts';

type Operator = InferResponseType<AdminClient['operators']['$get']>['operators'][number];
type Role = Operator['role'];

const ROLES: readonly Role[] = ['operator', 'auditor', 'reviewer', 'admin'];

export function operatorPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/settings/operators', async (c) => {
    const { operators } = await told(c.var.admin.operators.$get());
    const content = html`${settingsNav(c)}${panel('Operators', operatorTable(c, operators))}${
      may(c.var.me, 'POST /admin/operators') ? panel('Add an operator', addForm(c)) : ''
    }`;
    return c.html(page(c, 'Operators', content));
  });
  app.get('/console/settings/operators/:name', async (c) => {
    mustBeAllowed(c.var, 'PATCH /admin/operators/:name');
    const { operators } = await told(c.var.admin.operators.$get());
    const one = operators.find(({ name }) => name === c.req.param('name'));
    if (!one)
      return c.html(page(c, 'No such operator', html`${settingsNav(c)}<p>The list has the names.</p>`), 404);
    return c.html(page(c, `Operator ${one.name}`, html`${settingsNav(c)}${acts(c, one)}`));
  });
  app.post('/console/settings/operators', async (c) => {
    const json = { name: c.var.form.one('name'), role: c.var.form.one('role') as Role };
    await told(c.var.once.operators.$post({ json }));
    return c.redirect(placeOf(json.name), 303);
  });
  app.post('/console/settings/operators/:name/:act', async (c) => {
    const { name, act } = c.req.param();
    const { form: posted, once } = c.var;
    const [param, reason] = [{ name }, posted.one('reason')];
    if (act === 'link') {
      const { link, path, expiresAt } = await told(
        once.operators[':name'].links.$post({ param, json: { hours: 1 } }),
      );
      const whole = new URL(path, c.req.url).href;
      const text = html`<p>Good once, until ${time(expiresAt)}, for ${name}. It is shown here and never again.</p>`;
      return c.html(secretPage(c, 'One-time link', whole.endsWith(link) ? whole : link, text, placeOf(name)));
    }
    if (act === 'role')
      await told(
        once.operators[':name'].$patch({ param, json: { role: posted.one('role') as Role, reason } }),
      );
    if (act === 'sign-out')
      await told(once.operators[':name']['sign-out'].$post({ param, json: { reason } }));
    if (act === 'remove') await told(once.operators[':name'].remove.$post({ param, json: { reason } }));
    return c.redirect(placeOf(name), 303);
  });
}

function placeOf(name: string): string {
  return `/console/settings/operators/${encodeURIComponent(name)}`;
}

function operatorTable(c: Page, operators: readonly Operator[]) {
  return table(
    'Operators',
    [
      'Name',
      'Role',
      'Signs in by',
      { name: 'Passkeys', number: true },
      { name: 'Credentials', number: true },
      { name: 'Sessions', number: true },
      'Since',
    ],
    operators.map(({ name, role, outside, removedAt, passkeys, tokens, sessions, createdAt }) => [
      removedAt === null && may(c.var.me, 'PATCH /admin/operators/:name')
        ? html`<a href="${placeOf(name)}">${name}</a>`
        : name,
      removedAt === null ? role : badge('removed', 'plain'),
      outside ? 'the provider' : 'link or passkey',
      digits(passkeys),
      digits(tokens),
      digits(sessions),
      time(createdAt),
    ]),
  );
}

function addForm(c: Page) {
  return form(
    c,
    '/console/settings/operators',
    html`<div class="inline"><label>Name <input name="name" required maxlength="64" autocomplete="off" spellcheck="false"></label>
<label>Role <select name="role">${options(ROLES, 'operator')}</select></label><button>Add</button></div>
<p class="quiet">Then make a one-time link, and hand it over.</p>`,
  );
}

function acts(c: Page, { name, role, outside, removedAt }: Operator): Cell {
  if (removedAt !== null)
    return panel('Removed', html`<p>Removed ${time(removedAt)}; the name is never given again.</p>`);
  const why = html`<label>Reason <input name="reason" required maxlength="500" autocomplete="off"></label>`;
  const act = (path: string, content: Cell) =>
    form(c, `${placeOf(name)}/${path}`, html`<div class="inline">${content}</div>`);
  return html`${outside ? '' : panel('Sign-in', act('link', html`<button>Make a one-time link</button> <span class="quiet">Good once, for an hour.</span>`))}
${outside ? '' : panel('Role', act('role', html`<label>Role <select name="role">${options(ROLES, role)}</select></label>${why}<button>Change</button>`))}
${panel('Sign out everywhere', html`<p class="quiet">Ends every session, credential, passkey and link.</p>${act('sign-out', html`${why}<button>Sign out</button>`)}`)}
${panel('Remove for good', act('remove', html`${why}<button class="danger">Remove ${name}</button>`))}`;
}

/** One's own ways in. */
export function ownPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/settings/you', async (c) => {
    const { admin, me, asset } = c.var;
    const [{ sessions }, { passkeys }, { tokens }] = await Promise.all([
      told(admin.sessions.$get()),
      told(admin.passkeys.$get()),
      told(admin['operator-tokens'].$get()),
    ]);
    const good = tokens.filter(({ endedAt }) => endedAt === null);
    const content = html`${settingsNav(c)}
${me.csrf ? html`<script src="${asset('webauthn.js')}" defer></script><script type="module" src="${asset('passkey.js')}"></script>` : ''}
${panel(
  'Passkeys',
  html`${
    passkeys.length > 0
      ? ownTable(
          c,
          'Passkeys',
          passkeys.map(
            (one) => [one.id, one.label, time(one.createdAt), time(one.lastUsedAt, 'not yet')] as const,
          ),
          'passkeys',
        )
      : empty('You have no passkey.', 'With one you sign in by PIN, finger or face, and no link is needed.')
  }
${me.csrf ? html`<p id="passkey-fault" class="fault" role="alert" hidden></p><div class="inline"><label>On what it is <input id="passkey-name" maxlength="64" autocomplete="off"></label><button id="passkey-make" data-csrf="${me.csrf}" data-next="/console/settings/you" hidden>Make a passkey</button></div><noscript><p class="quiet">Making a passkey needs script.</p></noscript>` : ''}`,
)}
${panel('Sessions', sessionTable(c, sessions), html`<span class="quiet">${plural(sessions.length, 'browser')} signed in</span>`)}
${panel(
  'Credentials for programs',
  html`${
    good.length > 0
      ? ownTable(
          c,
          'Credentials',
          good.map(
            (one) =>
              [
                one.id,
                `${one.label} (${one.operator}, ${one.role ?? 'own role'})`,
                time(one.createdAt),
                time(one.lastUsedAt, 'not yet'),
              ] as const,
          ),
          'tokens',
        )
      : empty('There is none.')
  }
${form(c, '/console/settings/you/tokens', html`<div class="inline"><label>What it is for <input name="label" required maxlength="64" autocomplete="off"></label><label>Days <input name="days" value="90" inputmode="numeric"></label><label>Role <select name="role">${options([['', 'your own'], ...ROLES], '')}</select></label><button>Make a credential</button></div>`)}`,
)}`;
    return c.html(page(c, 'Your sign-in', content));
  });
  app.post('/console/settings/you/tokens', async (c) => {
    const { form: posted } = c.var;
    const role = posted.optional('role') as Role | undefined;
    const json = { label: posted.one('label'), days: Number(posted.one('days')), ...(role ? { role } : {}) };
    const { credential, expiresAt } = await told(c.var.once['operator-tokens'].$post({ json }));
    const text = html`<p>Send it as <code>Authorization: Bearer</code>. Good until ${time(expiresAt)}; shown here and never again.</p>`;
    return c.html(secretPage(c, 'Credential', credential, text, '/console/settings/you'));
  });
  app.post('/console/settings/you/:what/:id/end', async (c) => {
    const { what, id } = c.req.param();
    const { once } = c.var;
    if (what === 'passkeys') await told(once.passkeys[':id'].$delete({ param: { id } }));
    if (what === 'tokens') await told(once['operator-tokens'][':id'].$delete({ param: { id } }));
    if (what === 'sessions') await told(once.sessions[':id'].$delete({ param: { id } }));
    return c.redirect('/console/settings/you', 303);
  });
}

function ownTable(
  c: Page,
  caption: string,
  rows: readonly (readonly [id: string, label: string, made: Cell, used: Cell])[],
  what: string,
) {
  return table(
    caption,
    ['What', 'Made', 'Last used', 'End'],
    rows.map(([id, label, made, used]) => [label, made, used, endForm(c, what, id)]),
  );
}

function endForm(c: Page, what: string, id: string): Cell {
  return form(
    c,
    `/console/settings/you/${what}/${encodeURIComponent(id)}/end`,
    html`<button class="link">End</button>`,
  );
}

type Session = InferResponseType<AdminClient['sessions']['$get']>['sessions'][number];

function sessionTable(c: Page, sessions: readonly Session[]) {
  if (sessions.length === 0) return empty('No browser is signed in.');
  return table(
    'Sessions',
    ['Who', 'By', 'Address', 'Browser', 'Signed in', 'End'],
    sessions.map(({ id, operator, method, address, agent, createdAt, isCurrent }) => [
      html`${operator} ${isCurrent ? badge('this one', 'good') : ''}`,
      method,
      address,
      agent,
      time(createdAt),
      isCurrent ? '–' : endForm(c, 'sessions', id),
    ]),
  );
}

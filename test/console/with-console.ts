/** The console in a real browser: a gate with sockets, operators who sign in, and pages whose errors fail the test. */
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { startGate, type TestGate } from '../with-gate.ts';

const PICTURES = process.env.PICTURES;

export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 360, height: 780 };

export interface Console {
  readonly gate: TestGate;
  readonly browser: Browser;
  /** By the name for which browsers keep cookies and make passkeys. */
  readonly origin: string;
  /** A one-time link for an operator, who is added when there is none of the name. */
  link(name: string, role?: string): Promise<string>;
  /** A browser of its own, signed in. */
  signedIn(name: string, options?: Visit): Promise<Visitor>;
  visitor(options?: Visit): Promise<Visitor>;
  close(): Promise<void>;
}

export interface Visit {
  readonly role?: string;
  readonly script?: boolean;
  readonly viewport?: { width: number; height: number };
  readonly colorScheme?: 'light' | 'dark';
}

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the browser complained of: violations of the policy, faults of scripts. */
  readonly faults: string[];
  open(path: string): Promise<number>;
}

export async function startConsole(cohorts?: string, more?: string): Promise<Console> {
  const gate = await startGate(null, cohorts, more);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const origin = gate.control.replace('127.0.0.1', 'localhost');

  async function visitor({
    script = true,
    viewport = WIDE,
    colorScheme = 'light',
  }: Visit = {}): Promise<Visitor> {
    const context = await browser.newContext({
      javaScriptEnabled: script,
      viewport,
      colorScheme,
      baseURL: origin,
    });
    // Playwright's own client is 5 s late to connect at times, on a machine that has much to do.
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (fault) => faults.push(fault.message));
    page.on('console', (message) => {
      // What a page asked for on purpose, and was refused, is told there too.
      if (message.type() === 'error' && !/Failed to load resource.*status of 4/.test(message.text()))
        faults.push(message.text());
    });
    return { context, page, faults, open: async (path) => (await page.goto(path))?.status() ?? 0 };
  }

  async function link(name: string, role = 'admin') {
    if (name !== 'operator') await gate.admin('POST', 'operators', { name, role }).catch(() => {});
    return String((await gate.admin('POST', `operators/${name}/links`, {})).link);
  }

  return {
    gate,
    browser,
    origin,
    link,
    visitor,
    async signedIn(name, options = {}) {
      const made = await visitor(options);
      await made.page.goto('/console/sign-in');
      await made.page.getByLabel('One-time link').fill(await link(name, options.role));
      await made.page.getByRole('button', { name: 'Sign in with the link' }).click();
      await made.page.waitForURL(/\/console$/);
      return made;
    },
    async close() {
      await browser.close();
      await gate.close();
    },
  };
}

/** For a person to look at: kept in the directory PICTURES, where it is set. */
export async function keep(page: Page, name: string): Promise<void> {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}

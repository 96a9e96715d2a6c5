/** What all commands print with: colour only on a terminal, both kinds of time, grouped digits, nothing that steers it. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR;
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const GROUPED = new Intl.NumberFormat('en-GB');

export function out(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function outJson(value: unknown): void {
  out(JSON.stringify(value).replaceAll(STEERING, escaped));
}

/** JSON leaves alone what some terminals obey (C1 controls), and what turns text around; the value stays the same. */
function escaped(text: string): string {
  return [...Array(text.length).keys()]
    .map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`)
    .join('');
}

export function paint(style: Style, text: string): string {
  return coloured ? styleText(style, text, { validateStream: false }) : text;
}

/** Testers choose model names and more: without control characters they cannot steer the terminal. */
export function plain(text: string | null | undefined, absent = '–'): string {
  return text ? text.replaceAll(STEERING, '\ufffd') : absent;
}

/** The same for text of several lines. */
export function plainLines(text: string): string {
  return text
    .split('\n')
    .map((line) => plain(line, ''))
    .join('\n');
}

export function digits(n: number): string {
  return GROUPED.format(n);
}

/** `1 call`, `2 calls`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${digits(n)} ${n === 1 ? one : many}`;
}

/** `2026-05-04 10:00:00Z, 3 min ago` */
export function time(iso: string, nowMs = Date.now()): string {
  return `${second(iso)} ${paint('dim', `(${relative(Date.parse(iso) - nowMs)})`)}`;
}

export function second(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** `in 3 d`, `5 min ago` */
export function relative(deltaMs: number): string {
  const size = Math.abs(deltaMs);
  const [unitMs, unit] = UNITS.find(([ms]) => size >= ms) ?? [1_000, 's'];
  const amount = `${Math.floor(size / unitMs)} ${unit}`;
  return deltaMs > 0 ? `in ${amount}` : `${amount} ago`;
}

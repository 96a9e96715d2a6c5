/** Units that calls use, in words. */
import { bytes, digits } from './parts.ts';

const WORDS: Readonly<Record<string, (n: number) => string>> = {
  videoSeconds: (n) => `${digits(n)} s video`,
  images: (n) => `${digits(n)} ${n === 1 ? 'image' : 'images'}`,
  tokens: (n) => `${digits(n)} tokens`,
  bytes,
  requests: (n) => digits(n),
};

const NAMES: Readonly<Record<string, string>> = {
  videoSeconds: 'Video seconds',
  images: 'Images',
  tokens: 'Tokens',
  bytes: 'Bytes',
  requests: 'Calls',
};

export function unitName(unit: string): string {
  return NAMES[unit] ?? unit;
}

export function unitText(unit: string, n: number): string {
  return (WORDS[unit] ?? ((value: number) => `${digits(value)} ${unit}`))(n);
}

export function unitsText(units: Readonly<Record<string, number>> | null): string {
  return Object.entries(units ?? {})
    .map(([unit, n]) => unitText(unit, n))
    .join(', ');
}

/** The shape of a policy file: what its people write, before anything of it is compiled. */
import { z } from 'zod';

const count = z.int().positive();
const pattern = z.string().regex(/^(?:[A-Za-z0-9._:/-]*\*|[A-Za-z0-9._:/-]+)$/, '"*" stands at the end only');
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'use lower-case letters, digits and "-", a letter or digit first');

export const Limits = z.strictObject({
  requestsPerSecond: count.optional(),
  requestsPerMinute: count.optional(),
  requestsPerDay: count.optional(),
  concurrent: count.optional(),
});
const quota = z
  .strictObject({ day: z.number().nonnegative().optional(), total: z.number().nonnegative().optional() })
  .refine((one) => one.day !== undefined || one.total !== undefined, 'give "day", "total" or both');
/** A mistyped unit is a fault, like any other unknown key. */
export const Quotas = z.strictObject({
  videoSeconds: quota.optional(),
  images: quota.optional(),
  tokens: quota.optional(),
  bytes: quota.optional(),
});

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d';
const date = z.iso.date('write a day as YYYY-MM-DD');
/** A window of time; days and hours are those of `zone`. */
export const When = z.strictObject({
  days: z.array(z.enum(DAYS)).min(1).optional(),
  /** `22:00-06:00` goes over midnight, and belongs to the day on which it begins. */
  hours: z
    .string()
    .regex(new RegExp(`^${TIME}-(?:${TIME}|24:00)$`), 'write HH:MM-HH:MM, for example 09:00-18:00')
    .refine((text) => text.slice(0, 5) !== text.slice(6), 'begin and end are the same')
    .optional(),
  zone: z.string().refine(isZone, 'write a time zone as "Europe/Berlin" or "UTC"').default('UTC'),
  /** The first day of it. */
  from: date.optional(),
  /** The last day of it. */
  until: date.optional(),
});

export const RuleShape = z.strictObject({
  name,
  /** Operations: a pattern, or several. */
  on: z.union([pattern, z.array(pattern).min(1)]),
  /** Without them: whatever the model. */
  models: z.array(pattern).min(1).optional(),
  when: When.optional(),
  /** CEL; true lets the call pass. */
  check: z.string('write an expression; in quotes where YAML would read something else').min(1).max(4_000),
  /** Shown to testers. */
  message: z.string().min(1).max(500),
  mode: z.enum(['enforce', 'shadow']).default('enforce'),
});

export const OUTPUTS = ['open', 'held', 'reviewed-before-download'] as const;

/** Asks the moderation service of the configuration about the words of a call. */
export const Moderation = z.strictObject({
  on: z.union([pattern, z.array(pattern).min(1)]),
  /** Of the service's own; without them, whatever it flags. */
  categories: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9_/-]{0,63}$/, 'write it as the service does'))
    .min(1)
    .optional(),
});

/** What may be said of a cohort in the configuration too. */
export const Grant = z.strictObject({
  allow: z.array(
    z.strictObject({
      operations: z.array(pattern).min(1),
      models: z.array(pattern).optional(),
      when: When.optional(),
    }),
  ),
  caps: z
    .strictObject({
      seconds: z.number().positive().optional(),
      size: z
        .string()
        .regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, 'write WIDTHxHEIGHT, for example 1920x1080')
        .optional(),
    })
    .optional(),
  /** What is kept of what its testers send. */
  capture: z.enum(['none', 'hash', 'prompt', 'full']).default('none'),
  limits: Limits.default({}),
  quotas: Quotas.default({}),
  sharedQuotas: Quotas.default({}),
  /** When testers get the bytes of what they made. */
  outputs: z.enum(OUTPUTS).default('open'),
  /** True: each download of a clip has a code of its own in its picture; only where outputs are held. */
  watermark: z.boolean().default(false),
});

export const CohortShape = Grant.extend({
  rules: z.array(RuleShape).default([]),
  moderation: Moderation.optional(),
});

export const COHORT_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const PolicyShape = z.strictObject({
  /** The version of the terms that testers have to have accepted; 0: none. */
  terms: z.int().nonnegative().default(0),
  /** `*`: every cohort that is not named. */
  cohorts: z.record(
    z.string().refine((one) => one === '*' || COHORT_NAME.test(one), 'write the name of a cohort, or "*"'),
    CohortShape,
  ),
});

function isZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }) !== null;
  } catch {
    return false;
  }
}

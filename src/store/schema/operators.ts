/** Operators, how they sign in, and what they did. */
import { sql } from 'drizzle-orm';
import { blob, index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { ROLES } from '../states.ts';
import { nowMs } from './now.ts';

/** Answers to acts with an `Idempotency-Key`, for a day. */
export const idempotency = sqliteTable(
  'idempotency',
  {
    /** SHA-256 of operator and key. */
    key: text('key').primaryKey(),
    /** SHA-256 of the request. */
    fingerprint: text('fingerprint').notNull(),
    at: integer('at').notNull(),
    /** Null until there is an answer. */
    status: integer('status'),
    /** Null where it holds a secret. */
    body: text('body'),
  },
  (t) => [index('idempotency_by_age').on(t.at)],
);

/** What operators did: one row per act. */
export const acts = sqliteTable(
  'acts',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull().default(nowMs),
    operator: text('operator').notNull(),
    act: text('act').notNull(),
    subject: text('subject').notNull(),
    reason: text('reason'),
    address: text('address'),
    /** Index of the tree's leaf. */
    leaf: integer('leaf'),
  },
  (t) => [index('acts_unsealed').on(t.id).where(sql`leaf is null`)],
);

/** Who may act on the gate. Whoever was removed stays, for acts name them, and the name is never another's. */
export const operators = sqliteTable('operators', {
  name: text('name').primaryKey(),
  role: text('role', { enum: ROLES }).notNull(),
  /** Issuer and subject of who signs in through an OpenID provider, and a space between; null: somebody of ours. */
  subject: text('subject').unique(),
  createdAt: integer('created_at').notNull().default(nowMs),
  removedAt: integer('removed_at'),
});

/** Bearer credentials of operators: only the SHA-256 of each. */
export const operatorTokens = sqliteTable(
  'operator_tokens',
  {
    id: text('id').primaryKey(),
    operator: text('operator')
      .notNull()
      .references(() => operators.name),
    label: text('label').notNull(),
    hash: text('hash').notNull().unique(),
    /** Narrows what its operator may; never widens it. Null: all of that. */
    role: text('role', { enum: ROLES }),
    createdAt: integer('created_at').notNull().default(nowMs),
    /** Null: it does not expire, as that of the data directory. */
    expiresAt: integer('expires_at'),
    /** Up to a minute late. */
    lastUsedAt: integer('last_used_at'),
    endedAt: integer('ended_at'),
  },
  (t) => [index('operator_tokens_by_operator').on(t.operator)],
);

/** One-time links to sign in with, by the SHA-256 of their secret. */
export const signInLinks = sqliteTable('sign_in_links', {
  hash: text('hash').primaryKey(),
  operator: text('operator').notNull(),
  by: text('by').notNull(),
  expiresAt: integer('expires_at').notNull(),
});

/** Browsers in which an operator is signed in. */
export const sessions = sqliteTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of what stands in the cookie. */
    hash: text('hash').notNull().unique(),
    operator: text('operator').notNull(),
    method: text('method', { enum: ['link', 'passkey', 'oidc'] }).notNull(),
    createdAt: integer('created_at').notNull(),
    /** When the operator last showed who they are. */
    authenticatedAt: integer('authenticated_at').notNull(),
    /** Up to a minute late. */
    lastSeenAt: integer('last_seen_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    endedAt: integer('ended_at'),
    address: text('address'),
    agent: text('agent'),
  },
  (t) => [index('sessions_by_operator').on(t.operator)],
);

/** Public keys of operators' authenticators (WebAuthn). */
export const passkeys = sqliteTable(
  'passkeys',
  {
    /** Credential id, base64url. */
    id: text('id').primaryKey(),
    operator: text('operator').notNull(),
    label: text('label').notNull(),
    /** COSE. */
    publicKey: blob('public_key', { mode: 'buffer' }).notNull(),
    counter: integer('counter').notNull(),
    createdAt: integer('created_at').notNull(),
    lastUsedAt: integer('last_used_at'),
  },
  (t) => [index('passkeys_by_operator').on(t.operator)],
);

/** What a sign-in that has begun has to come back with; each is good once. */
export const challenges = sqliteTable('challenges', {
  /** SHA-256 of the WebAuthn challenge, or of the state of an OpenID request. */
  hash: text('hash').primaryKey(),
  purpose: text('purpose', { enum: ['register', 'sign-in', 'oidc'] }).notNull(),
  /** For whom a passkey is made; null where nobody is known yet. */
  operator: text('operator'),
  /** For OpenID: verifier and nonce, as JSON. */
  data: text('data'),
  expiresAt: integer('expires_at').notNull(),
});

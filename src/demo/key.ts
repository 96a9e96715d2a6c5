/** The key check of the simulator, for calls and for sockets alike. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from './errors.ts';

/** @throws ApiError 401 when the header does not hold the key */
export type KeyCheck = (authorization: string | undefined) => void;

export function createKeyCheck(key: string): KeyCheck {
  const expected = digest(key);
  return (authorization = '') => {
    const [, given = ''] = /^Bearer (.+)$/i.exec(authorization) ?? [];
    if (!timingSafeEqual(digest(given), expected)) throw wrongKey(given);
  };
}

/** Quotes part of the wrong key, as the real API does. */
function wrongKey(given: string): ApiError {
  const hint = 'You can find your API key at https://platform.openai.com/account/api-keys.';
  const message = given
    ? `Incorrect API key provided: ${masked(given)}. ${hint}`
    : `You didn't provide an API key. Put it in an Authorization header: "Authorization: Bearer YOUR_KEY". ${hint}`;
  return new ApiError(401, message, { code: 'invalid_api_key' });
}

function masked(key: string): string {
  if (key.length < 12) return '*'.repeat(key.length);
  return `${key.slice(0, 8)}${'*'.repeat(Math.min(40, key.length - 12))}${key.slice(-4)}`;
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/** Limits on guessing: how often one address may fail to show who it is. */
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import { Problem } from './problem.ts';

const WINDOW_SECONDS = 60;

export interface AttemptLimits {
  /** Sign-ins that one address may get wrong a minute. */
  readonly signInsPerMinute: number;
  /** Wrong credentials and ended sessions of one address, a minute. */
  readonly failuresPerMinute: number;
}

export interface Attempts {
  /** Before a sign-in is looked at: beyond the bound the right one is refused too. @throws Problem */
  signIn(address: string): Promise<void>;
  /** After it was found right. */
  wasRight(address: string): Promise<void>;
  /** After a credential was found wrong. @throws Problem `too_many_attempts` in the place of the usual refusal */
  failed(address: string): Promise<void>;
}

export function attemptLimits({ signInsPerMinute, failuresPerMinute }: AttemptLimits): Attempts {
  const signIns = new RateLimiterMemory({ points: signInsPerMinute, duration: WINDOW_SECONDS });
  const failures = new RateLimiterMemory({ points: failuresPerMinute, duration: WINDOW_SECONDS });
  return {
    signIn: (address) => take(signIns, address),
    wasRight: async (address) => void (await signIns.reward(address)),
    failed: (address) => take(failures, address),
  };
}

async function take(limiter: RateLimiterMemory, address: string): Promise<void> {
  try {
    await limiter.consume(address);
  } catch (result) {
    if (!(result instanceof RateLimiterRes)) throw result;
    const seconds = Math.max(1, Math.ceil(result.msBeforeNext / 1000));
    throw new Problem('too_many_attempts', `Too many attempts from this address: try again in ${seconds} s.`);
  }
}

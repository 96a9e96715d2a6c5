/** How many calls without a known token one address may make; guards the log and the signature check from floods. */
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import { Refusal } from '../refusal.ts';

export interface AddressLimit {
  /** @throws Refusal `address_limited` */
  take(key: string): Promise<void>;
  giveBack(key: string): Promise<void>;
}

const WINDOW_SECONDS = 60;

export function addressLimit(perMinute: number): AddressLimit {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: WINDOW_SECONDS });
  return {
    async take(key) {
      try {
        await limiter.consume(key);
      } catch (result) {
        if (!(result instanceof RateLimiterRes)) throw result;
        throw new Refusal('address_limited', key, {
          rule: 'limit:address',
          retryAfterSeconds: Math.max(1, Math.ceil(result.msBeforeNext / 1000)),
        });
      }
    },
    async giveBack(key) {
      await limiter.reward(key);
    },
  };
}

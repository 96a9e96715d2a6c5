/** Types of the single files of rate-limiter-flexible that are imported without its index. */
declare module 'rate-limiter-flexible/lib/RateLimiterRes.js' {
  export { RateLimiterRes as default } from 'rate-limiter-flexible';
}

declare module 'rate-limiter-flexible/lib/RateLimiterMemory.js' {
  export { RateLimiterMemory as default } from 'rate-limiter-flexible';
}

declare module 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js' {
  import type { RateLimiterRes } from 'rate-limiter-flexible';

  export default class RateLimiterStoreAbstract {
    readonly points: number;
    constructor(options: { points: number; duration: number; keyPrefix: string });
    /** Rejects with a RateLimiterRes when the points are used up, and with an Error when the store fails. */
    consume(key: string, points?: number): Promise<RateLimiterRes>;
  }
}

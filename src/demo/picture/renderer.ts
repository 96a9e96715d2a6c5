/** Sends pictures to the rendering thread and remembers what came back, up to a bound in bytes. */
import { Worker } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import type { RenderJob } from './render.ts';
import type { Delivery, Order } from './worker.ts';

const CACHE_BYTES = 128 * 1024 * 1024;

export type Renderer = {
  render(job: RenderJob): Promise<Uint8Array>;
  close(): Promise<void>;
};

type Waiting = { resolve: (bytes: Uint8Array) => void; reject: (error: Error) => void };

export function createRenderer(): Renderer {
  const finished = new LRUCache<string, Uint8Array>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (b) => b.length,
  });
  const underWay = new Map<string, Promise<Uint8Array>>();
  const thread = createThread();

  function start(key: string, job: RenderJob): Promise<Uint8Array> {
    const rendering = thread.run(job).then((bytes) => {
      finished.set(key, bytes);
      return bytes;
    });
    underWay.set(key, rendering);
    const forget = () => underWay.delete(key);
    rendering.then(forget, forget);
    return rendering;
  }

  return {
    async render(job) {
      const key = JSON.stringify(job);
      return finished.get(key) ?? underWay.get(key) ?? start(key, job);
    },
    close: thread.close,
  };
}

function createThread() {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastOrderId = 0;

  function drop(error: Error): void {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    worker = undefined;
  }

  function open(): Worker {
    const opened = new Worker(new URL('./worker.ts', import.meta.url));
    opened.unref();
    opened.on('message', (delivery: Delivery) => {
      const asked = waiting.get(delivery.orderId);
      waiting.delete(delivery.orderId);
      if (delivery.bytes) asked?.resolve(delivery.bytes);
      else asked?.reject(new Error(delivery.failure));
    });
    opened.on('error', drop);
    return opened;
  }

  return {
    run(job: RenderJob): Promise<Uint8Array> {
      worker ??= open();
      const order: Order = { orderId: ++lastOrderId, job };
      const answer = new Promise<Uint8Array>((resolve, reject) => {
        waiting.set(order.orderId, { resolve, reject });
      });
      worker.postMessage(order);
      return answer;
    },
    async close(): Promise<void> {
      const open = worker;
      drop(new Error('The renderer was closed.'));
      await open?.terminate();
    },
  };
}

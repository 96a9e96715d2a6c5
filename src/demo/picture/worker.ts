/** The thread that renders, so that an encode never holds up the simulator's other answers. */
import { parentPort } from 'node:worker_threads';
import { type RenderJob, render } from './render.ts';

export type Order = { orderId: number; job: RenderJob };
export type Delivery = { orderId: number; bytes?: Uint8Array; failure?: string };

let queue = Promise.resolve();

parentPort?.on('message', (order: Order) => {
  queue = queue.then(() => fulfil(order));
});

async function fulfil({ orderId, job }: Order): Promise<void> {
  const delivery: Delivery = { orderId };
  try {
    delivery.bytes = await render(job);
  } catch (error) {
    delivery.failure = String(error);
  }
  parentPort?.postMessage(delivery);
}

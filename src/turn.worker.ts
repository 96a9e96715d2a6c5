/** Who goes first, on Workers: many objects share what a module keeps, and what one leaves for later can only run as its own. */

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function later(job: () => void): void {
  setImmediate(() => {
    try {
      job();
    } catch (fault) {
      console.error('what was left for later failed:', fault);
    }
  });
}

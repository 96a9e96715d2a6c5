/** Lets everything else that waits go first: calls above all. A write to a stream that has room does not. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
